/* A Modbus TCP slave made of libmodbus: unit 7, input registers 0..6, and silence about everything else.
 * Prints the port it listens on, serves one connection and ends with it. */
#include <arpa/inet.h>
#include <modbus.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    struct sockaddr_in place;
    socklen_t size = sizeof place;
    modbus_t *link = modbus_new_tcp("127.0.0.1", 0);
    modbus_mapping_t *map = modbus_mapping_new(0, 0, 0, 7);
    const uint16_t words[7] = {2305, 0, 4250, 0, 0, 1, 2};
    for (int i = 0; i < 7; i++) map->tab_input_registers[i] = words[i];
    modbus_set_slave(link, 7);
    int listener = modbus_tcp_listen(link, 1);
    if (listener < 0 || getsockname(listener, (struct sockaddr *)&place, &size)) return 1;
    printf("%d\n", ntohs(place.sin_port));
    fflush(stdout);
    modbus_tcp_accept(link, &listener);
    for (int got; (got = modbus_receive(link, query)) != -1;)
        if (got > 0) modbus_reply(link, query, got, map);
    modbus_mapping_free(map);
    modbus_close(link);
    modbus_free(link);
    return 0;
}

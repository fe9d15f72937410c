"""One slip in one file of the sample site each: which file, what stands there, what instead, and what is said."""

ONE_FAULT = {
    "a sensor that is on a phase": (
        "devices.csv",
        "TTU,ttu-modbus,ttu,1,T1,ABC",
        "TTU,eaton-tc50,ttu,1,T1,ABC",
        (
            "devices.csv:12: phases: a sensor is on no phase. Leave the cell empty, or write the kind of device that"
            " it is."
        ),
    ),
    "a meter of one phase that is on three": (
        "devices.csv",
        "202611000101,B1,A",
        "202611000101,B1,ABC",
        "devices.csv:2: phases: dlt645-2007-1p measures one phase. Write A, B or C.",
    ),
    "a meter of one phase without one": (
        "devices.csv",
        "202611000101,B1,A",
        "202611000101,B1,",
        "devices.csv:2: phases: dlt645-2007-1p measures one phase. Write A, B or C.",
    ),
    "a device with the name of a node": (
        "devices.csv",
        "M-0101",
        "B1",
        "devices.csv:2: device: 'B1' is a node of area.toml, too. Rename one: incidents name both by their ids.",
    ),
    "a sign that cannot be printed": (
        "devices.csv",
        "M-0101",
        "M-\x000101",
        "devices.csv:2: 'M-\\x000101' holds a sign that cannot be printed. Enter the cell anew.",
    ),
    "a quote that is not closed": (
        "devices.csv",
        "M-0101",
        '"M-0101',
        'devices.csv:2: a quote opens here that is not closed before 10 lines further down. Take out the ".',
    ),
    "a column that stands twice": (
        "devices.csv",
        "customer",
        "line",
        "devices.csv:1: line: stands twice. Keep one of them.",
    ),
    "a feeder behind a box": (
        "area.toml",
        'id = "B2"',
        'id = "F9"\nkind = "feeder"\nparent = "B1"\n[[node]]\nid = "B2"',
        "area.toml:48: node[7].parent: a feeder is not fed by a box. Correct one of the kinds, or the parent.",
    ),
    "a vector group that is none": (
        "area.toml",
        '"Dyn11"',
        '"Dyn"',
        "area.toml:19: node[2].vector_group: 'Dyn' is none, such as Dyn11 or Yyn0.",
    ),
    "an area whose name rings a bell": (
        "area.toml",
        'id = "LH03"',
        'id = "LH03\\u0007"',
        (
            "area.toml:5: area.id: 'LH03\\x07' must be printable, without + and #, an id also without /"
            " (it becomes part of MQTT topics)."
        ),
    ),
    "a misspelt key of a line": (
        "gateway.toml",
        "period_s = 60                  #",
        "preiod_s = 60 #",
        "gateway.toml:21: line[1].preiod_s: is not known here. Check the spelling, or take it out.",
    ),
    "a number in quotes": (
        "gateway.toml",
        "port = 1883",
        'port = "1883"',
        "gateway.toml:42: mqtt.port: '1883' must be a number: take the quotes away.",
    ),
    "a port that is none": (
        "gateway.toml",
        "tcp://192.168.10.21:4001",
        "192.168.10.21:4001",
        (
            "gateway.toml:30: line[2].port: '192.168.10.21:4001' is no port."
            " Write /dev/ttyS1, tcp://HOST:PORT or modbus-tcp://HOST:PORT."
        ),
    ),
    "a line that is there twice": (
        "gateway.toml",
        "[mqtt]",
        '[[line]]\nid = "ttu"\nport = "/dev/ttyS9"\n[mqtt]',
        "gateway.toml:41: line[4].id: 'ttu' is taken by the line at 36. Each line has its own.",
    ),
    "a gateway id that breaks topics": (
        "gateway.toml",
        '"lianhua-03"',
        '"lianhua/03"',
        (
            "gateway.toml:5: gateway.id: 'lianhua/03' must be printable, without + and #, an id also without /"
            " (it becomes part of MQTT topics)."
        ),
    ),
    "a root that is no topic": (
        "gateway.toml",
        '# root = "taiqu" ',
        'root = "grid/#/taiqu" ',
        (
            "gateway.toml:43: mqtt.root: 'grid/#/taiqu' must be printable, without + and #, an id also without /"
            " (it becomes part of MQTT topics)."
        ),
    ),
    "a password that is nowhere": (
        "gateway.toml",
        '# password_file = ""           # a file,',
        'password_file = "broker.secret" # a file,',
        (
            "gateway.toml:46: mqtt.password_file: there is no file 'broker.secret'."
            " Create it, readable by the service alone."
        ),
    ),
    "a face that would break topics": (
        "gateway.toml",
        '# [faces]\n# home_assistant = "" ',
        '[faces]\nsparkplug = "grid/7"',
        (
            "gateway.toml:63: faces.sparkplug: 'grid/7' must be printable, without + and #, an id also without /"
            " (it becomes part of MQTT topics)."
        ),
    ),
    "a face without a broker": (
        "gateway.toml",
        '[mqtt]\nhost = "broker.example"\nport = 1883',
        '[faces]\nsparkplug = "grid"',
        "gateway.toml:40: faces: needs a broker to speak to. Add [mqtt].",
    ),
    "a file that is no TOML": (
        "gateway.toml",
        'id = "lianhua-03" ',
        "id = lianhua-03 ",
        "gateway.toml:5: is no TOML at column 6: Invalid value. Texts need quotes.",
    ),
    "a node of an unknown kind": (
        "area.toml",
        'kind = "transformer"',
        'kind = "trafo"',
        "area.toml:15: node[2].kind: 'trafo' is not one of 'mv_feeder', 'transformer', 'feeder', 'line' or 'box'.",
    ),
    "a plan that ends before it begins": (
        "area.toml",
        "# [[planned]]",
        '[[planned]]\nid = "P"\nnode = "F1"\nstart = 2026-12-01T11:00:00+08:00\nend = 2026-12-01T09:00:00+08:00\n#',
        "area.toml:69: planned[1].end: is not after start. Correct one of them.",
    ),
    "a plan of a year that nobody can mean": (
        "area.toml",
        "# [[planned]]",
        '[[planned]]\nid = "P"\nnode = "F1"\nstart = 2026-12-01T11:00:00Z\nend = 9999-12-31T23:59:59Z\n#',
        "area.toml:69: planned[1].end: 9999 is not from 1970 to 2199. Correct it.",
    ),
    "an order of a year that nobody can mean": (
        "area.toml",
        "# [[order]]",
        '[[order]]\ndevice = "M-0107"\nat = 0001-01-01T00:00:00+08:00\n#',
        "area.toml:76: order[1].at: 1 is not from 1970 to 2199. Correct it.",
    ),
    "a plan without an offset": (
        "area.toml",
        "# [[planned]]",
        '[[planned]]\nid = "P"\nnode = "F1"\nstart = 2026-12-01T11:00:00\nend = 2026-12-01T19:00:00+08:00\n#',
        "area.toml:68: planned[1].start: '2026-12-01T11:00:00': input should have timezone info.",
    ),
    "a profile that does not exist": (
        "devices.csv",
        "M-0101,dlt645-2007-1p",
        "M-0101,dlt645-2007-1ph",
        "devices.csv:2: profile: there is no profile 'dlt645-2007-1ph'; did you mean 'dlt645-2007-1p'?",
    ),
    "a line that does not exist": (
        "devices.csv",
        "M-0101,dlt645-2007-1p,rs485-1",
        "M-0101,dlt645-2007-1p,rs485-3",
        "devices.csv:2: line: there is no line 'rs485-3' in gateway.toml; did you mean 'rs485-2'?",
    ),
    "a node that does not exist": (
        "devices.csv",
        "202611000101,B1",
        "202611000101,B9",
        (
            "devices.csv:2: node: there is no node 'B9' in area.toml;"
            " there is 'B1', 'B2', 'B3', 'F1', 'F2', 'L1', 'L2', 'MV12', 'T1'"
        ),
    ),
    "an address that a spreadsheet turned into a number": (
        "devices.csv",
        "202611000101",
        "2.02611E+11",
        (
            "devices.csv:2: address: '2.02611E+11' was mangled by a spreadsheet."
            " Format the column as text and enter it anew."
        ),
    ),
    "two meters with one address on one line": (
        "devices.csv",
        "202611000102",
        "202611000101",
        "devices.csv:3: address: 202611000101 on rs485-1 is the device of line 2 already. Two would answer at once.",
    ),
    "a device that is there twice": (
        "devices.csv",
        "M-0102",
        "M-0101",
        "devices.csv:3: device: 'M-0101' stands in line 2 already. Rename one.",
    ),
    "a point that the profile has not": (
        "devices.csv",
        "310000101,,",
        "310000101,,voltage curent",
        "devices.csv:2: points: dlt645-2007-1p has no point 'curent'; did you mean 'current'?",
    ),
    "a meter protocol behind a Modbus TCP endpoint": (
        "devices.csv",
        "M-0108,dlt645-2007-1p,rs485-2",
        "M-0108,dlt645-2007-1p,ttu",
        "devices.csv:11: line: ttu is a Modbus TCP endpoint, the profile speaks dlt645. Use a tcp:// line.",
    ),
    "a column that nobody knows": (
        "devices.csv",
        "customer,kind",
        "custommer,kind",
        "devices.csv:1: custommer: is no column; did you mean 'customer'?",
    ),
    "a needed cell that is empty": (
        "devices.csv",
        "rs485-1,202611000101",
        ",202611000101",
        "devices.csv:2: line: is empty. Every device needs it.",
    ),
    "a row with a comma too many": (
        "devices.csv",
        "310000101,,",
        "310000101,,,,",
        "devices.csv:2: has 11 cells, the header 9. Put a cell that holds ',' in quotes.",
    ),
}

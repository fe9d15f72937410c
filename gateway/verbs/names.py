"""The names of one site, as requests use them."""

from gateway.settings.models import Device, Site
from gateway.verbs.request import RefusedRequestError, Request, text


class Names:
    """Looks up what a request names; what nobody knows is refused."""

    def __init__(self, site: Site) -> None:
        self.area = site.area.id
        self.devices = {device.id: device for device in site.devices}
        self.nodes = {node.id for node in site.area.nodes}

    def device(self, request: Request) -> Device:
        """The `device` of a request. Raises RefusedRequestError."""
        device = text(request, "device")
        if device not in self.devices:
            raise RefusedRequestError(f"there is no device {device!r} in area {self.area}")
        return self.devices[device]

    def node(self, request: Request) -> str:
        """The `node` of a request, which may be a device. Raises RefusedRequestError."""
        node = text(request, "node")
        if node not in self.nodes and node not in self.devices:
            raise RefusedRequestError(f"there is no node {node!r} in area {self.area}")
        return node

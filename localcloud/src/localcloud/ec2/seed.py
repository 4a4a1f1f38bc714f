"""The network that a new region starts with: a VPC that the internet reaches, and one public subnet."""

from localcloud.cloud import Cloud
from localcloud.home import Home


def seed(cloud: Cloud, home: Home) -> None:
    """Create the network once. Later starts find its ids in the home's identity, so clients may keep them."""
    identity, region = cloud.identity, cloud.region
    if identity.vpc_id in region.vpcs and any(identity.subnet_id in subnets for subnets in region.subnets.values()):
        return
    vpc = region.create_vpc("10.20.0.0/16")
    vpc.enable_dns_hostnames = True
    vpc.add_tag("Name", "trial")
    subnet = region.create_subnet(vpc.id, "10.20.0.0/20", availability_zone=f"{region.region_name}a")
    # Off, as in any custom subnet: who wants an address asks for one at launch.
    subnet.map_public_ip_on_launch = False
    subnet.add_tag("Name", "trial-public")
    gateway = region.create_internet_gateway()
    region.attach_internet_gateway(gateway.id, vpc.id)
    table = region.create_route_table(vpc.id)
    region.create_route(table.id, "0.0.0.0/0", gateway_id=gateway.id)
    region.associate_route_table(table.id, None, subnet.id)
    cloud.identity = home.keep(identity, vpc_id=vpc.id, subnet_id=subnet.id)
    cloud.touch()
    cloud.commit()

# SPDX-License-Identifier: MIT
"""The real servers of tests/interop/world.py, where a device can reach them."""
import device
import world

RESOLVER, WEB, MX = (device.far(a) for a in ("127.0.0.1", "127.0.0.20", "127.0.0.10"))
world.RESOLVER, world.WEB = RESOLVER, WEB


class World(world.World):
    def write(self, name, text):
        if name == "unbound.conf":
            text = text.replace('    chroot: ""', f"    access-control: {device.DEVICE}/32 allow\n"
                                f'    access-control: {device.NET}0/24 allow\n    chroot: ""')
        return super().write(name, text)

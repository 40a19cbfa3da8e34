// SPDX-License-Identifier: Apache-2.0
package demo.intervals;

import dev.samara.maple.MapleTree;

/** A map from the addresses of a network to their owners. */
public final class IntervalMap {
    private IntervalMap() {}

    public static void main(String[] arguments) {
        MapleTree<String> owners = new MapleTree<>();
        owners.store(0x0a000000L, 0x0affffffL, "10.0.0.0/8");
        owners.store(0x0a010000L, 0x0a01ffffL, "10.1.0.0/16");
        System.out.println("inserted over others: " + owners.insert(0x0a01ff00L, 0x0a0200ffL, "overlaps"));
        var before = owners.snapshot();
        owners.erase(0x0a010000L, 0x0a01ffffL);
        System.out.println("10.1.0.42 was of " + before.get(0x0a01002aL) + ", is of " + owners.get(0x0a01002aL));
        System.out.println("10.2.0.42 is of " + owners.get(0x0a02002aL));
    }
}

// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.core.AddressSpace;
import dev.samara.core.Watchpoint;
import dev.samara.core.mman.MmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The breakpoints and watchpoints of a client. Used by the server's thread, while the guest is stopped.
 *
 * <p>Stores are watched by the space, which tells of those by system calls too. Loads are watched in the emulator, by
 * the instruction that makes them.
 */
final class DebugPoints {
    private static final int MOST = 10_000;

    private static final int SOFTWARE = 0;
    private static final int WRITE = 2;
    private static final int READ = 3;
    private static final int ACCESS = 4;

    /**
     * A watched range.
     *
     * @param type as in the packet
     * @param start its first address
     * @param length in bytes
     */
    private record WatchKey(int type, long start, long length) {
        String name() {
            return type == WRITE ? "watch" : type == READ ? "rwatch" : "awatch";
        }
    }

    private final StopControl control;
    private final Set<Long> breakpoints = new TreeSet<>();

    /** The watched ranges; the value is null if only loads are watched. */
    private final Map<WatchKey, @Nullable Watchpoint> watches = new HashMap<>();

    DebugPoints(StopControl control) {
        this.control = control;
    }

    /** Returns whether there are points of a type. */
    static boolean isKnown(int type) {
        return type == SOFTWARE || (type >= WRITE && type <= ACCESS);
    }

    void insert(int type, long address, long length) throws BadPacketException {
        if (breakpoints.size() + watches.size() >= MOST) {
            throw new BadPacketException();
        }
        if (type == SOFTWARE) {
            breakpoints.add(address);
        } else {
            WatchKey key = new WatchKey(type, address, length);
            if (!watches.containsKey(key)) {
                watches.put(key, type == READ ? watchedInEmulator(key) : watch(key));
            }
        }
        apply();
    }

    /** Returns null for a range that the space could watch as well: only the emulator watches loads. */
    private @Nullable Watchpoint watchedInEmulator(WatchKey key) throws BadPacketException {
        long limit = control.process().space().geometry().limit();
        if (key.length() <= 0 || key.length() > limit || key.start() < 0 || key.start() > limit - key.length()) {
            throw new BadPacketException();
        }
        return null;
    }

    private Watchpoint watch(WatchKey key) throws BadPacketException {
        AddressSpace space = control.process().space();
        try {
            return space.watch(
                    key.start(),
                    key.length(),
                    (address, length) -> control.written(
                            Long.compareUnsigned(address, key.start()) > 0 ? address : key.start(), key.name()));
        } catch (IllegalArgumentException | MmException refused) {
            throw new BadPacketException();
        }
    }

    void remove(int type, long address, long length) {
        if (type == SOFTWARE) {
            breakpoints.remove(address);
        } else {
            Watchpoint watch = watches.remove(new WatchKey(type, address, length));
            if (watch != null) {
                watch.close();
            }
        }
        apply();
    }

    void clear() {
        breakpoints.clear();
        for (Watchpoint each : watches.values()) {
            if (each != null) {
                each.close();
            }
        }
        watches.clear();
        apply();
    }

    private void apply() {
        List<StopControl.WatchedLoads> loads = new ArrayList<>();
        for (WatchKey each : watches.keySet()) {
            if (each.type() != WRITE) {
                loads.add(new StopControl.WatchedLoads(each.start(), each.length(), each.name()));
            }
        }
        control.watchLoads(loads);
        // A hart that has written watched bytes stops after that instruction, if its blocks have one.
        control.breakpoints()
                .set(breakpoints.stream().mapToLong(Long::longValue).toArray(), !watches.isEmpty());
        control.changedCode();
    }
}

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
 * The breakpoints and watchpoints of a client. Used only by the server's thread, while the guest is stopped.
 *
 * <p>Stores are watched by the space, which also reports stores by system calls. Loads are watched by the emulator, for
 * each instruction.
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
     * @param type the type in the packet
     * @param start its first address
     * @param length the length in bytes
     */
    private record WatchKey(int type, long start, long length) {
        String name() {
            return type == WRITE ? "watch" : type == READ ? "rwatch" : "awatch";
        }
    }

    private final StopControl control;
    private final Set<Long> breakpoints = new TreeSet<>();

    /** The watched ranges. The value is null if only loads are watched. */
    private final Map<WatchKey, @Nullable Watchpoint> watches = new HashMap<>();

    DebugPoints(StopControl control) {
        this.control = control;
    }

    /** Returns whether a type of breakpoint or watchpoint is supported. */
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

    /**
     * Checks the range of a read watchpoint as strictly as the space does. Returns null, because the emulator and not
     * the space watches loads.
     */
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
        // With a watchpoint, each block contains one instruction, so a hart stops after the instruction that wrote
        // watched bytes.
        control.breakpoints()
                .set(breakpoints.stream().mapToLong(Long::longValue).toArray(), !watches.isEmpty());
        control.changedCode();
    }
}

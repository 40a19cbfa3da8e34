// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The place of a world without a kernel: the addresses are like those of a program on x86-64. */
final class MadePlace implements Place {
    private static final long LIMIT = KernelWorld.GEOMETRY.limit();
    private static final long BRK = 0x5555_5560_0000L;
    private static final long TOP = 0x7fff_f7fb_0000L;
    private static final long STACK = 0x7fff_fffd_e000L;
    private static final long STACK_END = 0x7fff_ffff_f000L;

    private final World world;
    private final long base;
    private final List<Area> areas;

    MadePlace(World world) {
        this.world = world;
        base = world.base(BRK, STACK, TOP);
        List<Area> all = new ArrayList<>();
        fill(all, 0, STACK);
        all.add(area(STACK, STACK_END, "rw-p 00000000 00:00 0 [stack]", "rd wr mr mw me gd ac"));
        fill(all, STACK_END, LIMIT);
        areas = List.copyOf(all);
    }

    /** Adds fillers between two addresses, except in the world. */
    private void fill(List<Area> all, long from, long to) {
        addFiller(all, from, Math.min(to, base));
        addFiller(all, Math.max(from, end()), to);
    }

    private static void addFiller(List<Area> all, long from, long to) {
        if (from < to) {
            String offset = String.format(Locale.ROOT, "%08x", from);
            all.add(area(from, to, "---s " + offset + " 00:01 9 /memfd:filler (deleted)", "sh mr mw me ms"));
        }
    }

    private static Area area(long start, long end, String rest, String flags) {
        return Area.of(String.format(Locale.ROOT, "%08x-%08x %s", start, end, rest), flags);
    }

    @Override
    public long base() {
        return base;
    }

    @Override
    public long end() {
        return base + world.pages() * KernelWorld.GEOMETRY.pageSize();
    }

    @Override
    public long brk() {
        return BRK;
    }

    @Override
    public long stack() {
        return STACK_END - Long.BYTES;
    }

    @Override
    public List<Area> areas() {
        return areas;
    }

    @Override
    public long data() {
        return 0;
    }

    @Override
    public long bytes(Limit limit, long argument) {
        long total = areas.stream().mapToLong(area -> area.end() - area.start()).sum();
        return limit.bytes(argument, total, data());
    }

    @Override
    public boolean isPlaceNamed() {
        return world == World.HEAP || world == World.STACK;
    }

    @Override
    public boolean mapsZeroPage() {
        return true;
    }

    @Override
    public boolean isPrivileged() {
        return true;
    }

    @Override
    public boolean namesMemory() {
        return true;
    }
}

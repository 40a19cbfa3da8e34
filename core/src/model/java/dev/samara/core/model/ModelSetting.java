// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * The setting of a sequence of steps: machine, sizes, limits, rights, and the initial mappings.
 *
 * @param geometry the sizes and bounds; a few hundred pages
 * @param maxMaps the limit on the number of mappings
 * @param guardGap the number of pages that stay free below a stack
 * @param commitLimit the commit limit in bytes, or -1 for none
 * @param capabilities the privileges of the process
 * @param limits the soft limits in bytes
 * @param bottomUp whether placement is bottom-up
 * @param heapStart the start of the heap
 * @param brk the end of the heap
 * @param loaded the initial mappings
 */
record ModelSetting(
        Geometry geometry,
        int maxMaps,
        long guardGap,
        long commitLimit,
        Set<Capability> capabilities,
        Map<Resource, Long> limits,
        boolean bottomUp,
        long heapStart,
        long brk,
        List<Vma> loaded) {

    /** Small spaces. The third one is large enough to contain 2 and 4 GiB, the fourth one starts at address 0. */
    private static final List<Geometry> GEOMETRIES = List.of(
            new Geometry(12, 4, 15, 0x4000, 0x180000, 0x180000),
            new Geometry(12, 3, 14, 0x2000, 0x100000, 0x1c0000),
            new Geometry(24, 2, 26, 0x1000000, 0x180000000L, 0x180000000L),
            new Geometry(9, 1, 12, 0, 0x1a000, 0x20000));

    static ModelSetting draw(Random random) {
        return draw(random, GEOMETRIES.get(random.nextInt(GEOMETRIES.size())));
    }

    /** Draws a setting with a geometry of a few hundred pages. */
    static ModelSetting draw(Random random, Geometry geometry) {
        long page = geometry.pageSize();
        EnumSet<Capability> capabilities = EnumSet.noneOf(Capability.class);
        if (random.nextInt(3) > 0) {
            capabilities.add(Capability.IPC_LOCK);
        }
        if (random.nextInt(3) == 0) {
            capabilities.add(Capability.SYS_RAWIO);
        }
        long pages = geometry.pages(geometry.limit());
        Map<Resource, Long> limits = new EnumMap<>(Resource.class);
        for (Resource resource : Resource.values()) {
            boolean tight = random.nextInt(4) == 0;
            limits.put(resource, tight ? page * (pages / 8 + random.nextInt((int) pages / 4)) : -1L);
        }
        limits.put(Resource.MEMLOCK, random.nextInt(12) == 0 ? 0 : page * (8 + random.nextInt(60)) + 5);
        limits.put(Resource.STACK, page * (4 + random.nextInt(30)));
        long heap = page * (pages / 2 + random.nextInt((int) pages / 3)) + (random.nextInt(3) == 0 ? 0x50 : 0);
        boolean filled = random.nextInt(3) > 0;
        List<Vma> loaded = filled ? new LoadedLayout(random, geometry).draw() : List.of();
        return new ModelSetting(
                geometry,
                random.nextInt(3) > 0 ? 65530 : 9 + random.nextInt(8) + loaded.size(),
                new long[] {0, 2, 16}[random.nextInt(3)],
                random.nextInt(4) > 0 ? -1 : page * (pages / 4 + random.nextInt((int) pages)),
                capabilities,
                limits,
                random.nextInt(4) == 0,
                heap,
                heap,
                loaded);
    }

    AddressSpace space() {
        MachineBuilder machine = Machine.builder().maxMapCount(maxMaps).stackGuardGap(guardGap);
        if (commitLimit >= 0) {
            machine.commitLimit(commitLimit);
        }
        AddressSpaceBuilder space = machine.build()
                .space(geometry)
                .grant(capabilities.toArray(Capability[]::new))
                .heap(heapStart, brk)
                .load(loaded);
        limits.forEach(space::limit);
        return (bottomUp ? space.bottomUp(true) : space).build();
    }

    ModelSpace model() {
        long stack = limits.getOrDefault(Resource.STACK, -1L);
        ModelSpace space = new ModelSpace(
                new ModelMachine(maxMaps, guardGap, commitLimit),
                geometry,
                capabilities,
                !bottomUp,
                geometry.mmapBase(stack, guardGap << geometry.pageShift()),
                heapStart,
                brk);
        limits.forEach(space::setLimit);
        space.load(loaded);
        return space;
    }

    /** Returns the statement that creates the space. */
    String asJava() {
        StringBuilder java = new StringBuilder("AddressSpace space = Machine.builder()");
        java.append(".maxMapCount(")
                .append(maxMaps)
                .append(").stackGuardGap(")
                .append(guardGap)
                .append(')');
        if (commitLimit >= 0) {
            java.append(".commitLimit(").append(ModelCall.hex(commitLimit)).append(')');
        }
        java.append(".build().space(new Geometry(")
                .append(geometry.pageShift())
                .append(", ")
                .append(geometry.levels())
                .append(", ")
                .append(geometry.hugeShift())
                .append(", ")
                .append(ModelCall.hex(geometry.minimum()))
                .append(", ")
                .append(ModelCall.hex(geometry.window()))
                .append(", ")
                .append(ModelCall.hex(geometry.limit()))
                .append("))");
        capabilities.forEach(
                right -> java.append(".grant(Capability.").append(right).append(')'));
        limits.forEach((resource, bytes) -> java.append(".limit(Resource.")
                .append(resource)
                .append(", ")
                .append(ModelCall.hex(bytes))
                .append(')'));
        java.append(bottomUp ? ".bottomUp(true)" : "");
        java.append(".heap(")
                .append(ModelCall.hex(heapStart))
                .append(", ")
                .append(ModelCall.hex(brk))
                .append(')');
        return LoadedLayout.asJava(loaded) + java + (loaded.isEmpty() ? "" : ".load(loaded)") + ".build();";
    }

    ModelSetting withLoaded(List<Vma> fewer) {
        return new ModelSetting(
                geometry, maxMaps, guardGap, commitLimit, capabilities, limits, bottomUp, heapStart, brk, fewer);
    }
}

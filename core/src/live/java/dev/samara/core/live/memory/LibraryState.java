// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.MappingResidency;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Writes the library's state in the format in which {@link KernelRun} writes the kernel's. */
final class LibraryState {
    private static final long PAGE = KernelWorld.GEOMETRY.pageSize();

    private final Place world;
    private final int watch;
    private final Cpu cpu;
    private final LayoutText text;

    LibraryState(Place world, int watch, Cpu cpu) {
        this.world = world;
        this.watch = watch;
        this.cpu = cpu;
        text = new LayoutText(world.base());
    }

    /** Switches the CPU to a space, and returns the CPU's memory. */
    GuestMemory memory(AddressSpace space) {
        if (cpu.space() != space) {
            cpu.switchTo(space);
        }
        return cpu.memory();
    }

    /** Returns the text of a process's layout. */
    String state(int number, AddressSpace space) {
        StringBuilder state = new StringBuilder("process " + number + "\n");
        long start = Range.start(world);
        long end = Range.end(world);
        LayoutSnapshot snapshot = space.snapshot();
        List<Vma> vmas = snapshot.vmas();
        List<Vma> listed = new ArrayList<>();
        IdentityHashMap<Vma, MappingResidency> amounts = new IdentityHashMap<>();
        if ((watch & Script.AMOUNTS) != 0) {
            space.smaps(amount -> amounts.put(amount.vma(), amount));
        }
        boolean isPlaceNamed = world.isPlaceNamed();
        List<String> maps = isPlaceNamed ? snapshot.maps() : List.of();
        for (int i = 0; i < vmas.size(); i++) {
            Vma vma = vmas.get(i);
            if (Long.compareUnsigned(vma.end(), start) > 0 && Long.compareUnsigned(vma.start(), end) < 0) {
                listed.add(vma);
                String name = isPlaceNamed ? Area.of(maps.get(i), "").name() : nameOf(vma);
                state.append(mapping(vma, name, amounts.get(vma)));
            }
        }
        runs(state.append("in memory "), space, listed, false);
        runs(state.append("\ncontents "), space, listed, true);
        return state.toString();
    }

    private static String nameOf(Vma vma) {
        Backing backing = vma.backing();
        String name = vma.name();
        return name != null ? name : backing == null ? "" : backing.name();
    }

    private String mapping(Vma vma, String name, @Nullable MappingResidency amount) {
        Backing backing = vma.backing();
        String rights = (vma.has(VmaFlags.READ) ? "r" : "-")
                + (vma.has(VmaFlags.WRITE) ? 'w' : '-')
                + (vma.has(VmaFlags.EXEC) ? 'x' : '-')
                + (vma.has(VmaFlags.MAYSHARE) ? 's' : 'p');
        String flags = VmaFlags.format(vma.flags());
        return text.mapping(
                vma.start(),
                vma.end(),
                rights,
                backing == null ? "0" : Long.toHexString(vma.pageOffset() * PAGE),
                backing == null ? "0" : Long.toString(backing.inode()),
                name,
                Exceptions.flags(
                        amount == null || !world.isWithin(vma.start(), vma.end())
                                ? flags
                                : amounts(amount) + "\t" + flags,
                        world.mapsZeroPage()));
    }

    private static String amounts(MappingResidency amount) {
        long[] all = {
            amount.rss(),
            amount.pss(),
            amount.sharedClean(),
            amount.sharedDirty(),
            amount.privateClean(),
            amount.privateDirty(),
            amount.anonymous(),
            amount.locked()
        };
        StringBuilder text = new StringBuilder();
        for (long bytes : all) {
            text.append(text.isEmpty() ? "" : ",").append(bytes >> 10);
        }
        return text.toString();
    }

    private void runs(StringBuilder state, AddressSpace space, List<Vma> listed, boolean isContents) {
        if ((watch & (isContents ? Script.CONTENTS : Script.MINCORE)) == 0) {
            return;
        }
        long begin = 0;
        long pages = 0;
        int last = 0;
        byte[] vector = new byte[1];
        for (Vma vma : listed) {
            if (isContents && !vma.hasAny(VmaFlags.ACCESS)) {
                continue;
            }
            long end = Math.min(vma.end(), world.end());
            for (long at = Math.max(vma.start(), world.base()); at < end; at += PAGE) {
                int value;
                if (isContents) {
                    value = firstByte(space, at);
                } else {
                    space.mincore(at, PAGE, vector);
                    value = vector[0];
                }
                if (pages > 0 && at == begin + pages * PAGE && value == last) {
                    pages++;
                } else {
                    run(state, begin, pages, last);
                    begin = at;
                    pages = 1;
                    last = value;
                }
            }
        }
        run(state, begin, pages, last);
    }

    private int firstByte(AddressSpace space, long address) {
        GuestMemory memory = memory(space);
        int fault = memory.load(address, 1);
        return fault == Fault.NONE ? (int) memory.value() : -fault;
    }

    private void run(StringBuilder state, long begin, long pages, int value) {
        if (pages > 0) {
            String name = switch (-value) {
                case Fault.MAPERR -> "MAP";
                case Fault.ACCERR -> "ACC";
                case Fault.ADRERR -> "BUS";
                default -> HexFormat.of().toHexDigits((byte) value);
            };
            state.append(text.run(begin, pages, name));
        }
    }
}

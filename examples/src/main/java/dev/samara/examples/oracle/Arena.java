// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.oracle;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Capability;
import dev.samara.core.vma.Errno;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.MapFlags;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.Resource;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.examples.record.MemoryCall.Direct;
import dev.samara.examples.record.MemoryCall.Mmap;
import dev.samara.examples.record.MemoryCall.Mremap;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The world of an oracle file: an address space in which only the arena is free, and the two files. */
final class Arena {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long UNLIMITED = -1;

    /** What fills the space around the arena cannot merge with anything in it, since nobody else maps its file. */
    private static final long FILLER = VmaFlags.SHARED | VmaFlags.MAYSHARE | VmaFlags.MAY_ACCESS;

    private final OpenFile a = OpenFile.named("/memfd:A").inode(0, 1, 1).open();
    private final OpenFile readOnlyA =
            OpenFile.named("/memfd:A").inode(0, 1, 1).readOnly().open();
    private final OpenFile b = OpenFile.named("/memfd:B").inode(0, 1, 2).open();

    private final AddressSpace space;
    private final long base;
    private final long end;

    /** The objects behind anonymous shared mappings, numbered in the order in which they were made. */
    private final IdentityHashMap<Backing, Integer> sharedObjects = new IdentityHashMap<>();

    private int sharedCount;

    Arena(OracleHeader header) {
        base = header.base();
        end = base + header.length();
        AddressSpaceBuilder builder =
                Machine.builder().build().space(GEOMETRY).grant(Capability.IPC_LOCK, Capability.SYS_RAWIO);
        for (Resource resource : Resource.values()) {
            builder.limit(resource, UNLIMITED);
        }
        space = builder.load(List.of(filler(GEOMETRY.minimum(), base), filler(end, GEOMETRY.limit())))
                .build();
    }

    private static Vma filler(long start, long end) {
        OpenFile file = OpenFile.named("/memfd:filler").inode(0, 1, 3).open();
        return new Vma(start, end, FILLER, GEOMETRY.pages(start), file, null, null);
    }

    /** Makes a call that needs nothing but its numbers. */
    long perform(Direct call) {
        return call.perform(space);
    }

    /** Makes an {@code mmap}. */
    long perform(Mmap call) {
        return space.mmap(call.address(), call.length(), call.protection(), call.flags(), file(call), call.offset());
    }

    /** Makes an {@code mremap}. */
    long perform(Mremap call) {
        return space.mremap(call.address(), call.oldLength(), call.newLength(), call.flags(), call.newAddress());
    }

    /** The kernel made an anonymous shared mapping; what we made of it has the next number. */
    void numberSharedObject(long address) {
        sharedCount++;
        Vma vma = Errno.isError(address) ? null : space.find(address);
        if (vma != null && vma.backing() != null) {
            sharedObjects.put(vma.backing(), sharedCount);
        }
    }

    /** Whether a call makes a shared object, if it succeeds. */
    static boolean makesSharedObject(Mmap call) {
        return (call.flags() & MapFlags.ANONYMOUS) != 0 && (call.flags() & MapFlags.TYPE) == MapFlags.SHARED;
    }

    /** The VMAs in the arena, each as the recording writes it. */
    List<String> vmas() {
        List<String> vmas = new ArrayList<>();
        for (Vma vma : space.snapshot().vmas()) {
            if (Long.compareUnsigned(vma.start(), base) >= 0 && Long.compareUnsigned(vma.start(), end) < 0) {
                long offset = vma.backing() == null ? 0 : vma.pageOffset() << GEOMETRY.pageShift();
                vmas.add(VmaText.format(vma, base, offset, nameOf(vma.backing())));
            }
        }
        return vmas;
    }

    private @Nullable Backing file(Mmap call) {
        return switch (call.descriptor()) {
            case "A" -> a;
            case "R" -> readOnlyA;
            case "B" -> b;
            default -> null;
        };
    }

    private String nameOf(@Nullable Backing backing) {
        if (backing == null) {
            return "anon";
        }
        if (backing == a || backing == readOnlyA) {
            return "A";
        }
        if (backing == b) {
            return "B";
        }
        Integer number = sharedObjects.get(backing);
        return number == null ? "?" : "s" + number;
    }
}

// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.AddressSpace;
import dev.samara.core.PageScan;
import dev.samara.core.mman.PagemapFlags;
import dev.samara.core.vma.Vma;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import java.nio.ByteBuffer;

/** The {@code ioctl} of {@code /proc/PID/pagemap} ({@code do_pagemap_scan} in {@code fs/proc/task_mmu.c}). */
final class PageScanCalls {
    /** The number of the request: {@code _IOWR('f', 16, struct pm_scan_arg)}. */
    static final int PAGEMAP_SCAN = 0xc060_6610;

    private static final int ARGUMENT = 96;
    private static final int WALK_END = 32;
    private static final int REGION = 24;
    private static final int WORDS = 3;
    private static final long MOST_REGIONS = 2048;
    private static final long WP_MATCHING = 1;
    private static final long CHECK_WPASYNC = 2;

    private final CallMemory memory;

    PageScanCalls(CallMemory memory) {
        this.memory = memory;
    }

    /** {@code struct pm_scan_arg}, without {@code size} and {@code walk_end}. */
    private record ScanArgument(
            long flags, long start, long end, long vector, long room, long most, PageScan question, long categories) {
        static ScanArgument of(ByteBuffer from) {
            long inverted = from.getLong(64);
            long all = from.getLong(72);
            long any = from.getLong(80);
            long told = from.getLong(88);
            return new ScanArgument(
                    from.getLong(8),
                    from.getLong(16),
                    from.getLong(24),
                    from.getLong(40),
                    from.getLong(48),
                    from.getLong(56),
                    new PageScan().inverted(inverted).all(all).any(any).told(told),
                    inverted | all | any | told);
        }

        /** Returns 0, or the error of invalid arguments ({@code pagemap_scan_get_args}). */
        long error() {
            if ((flags & ~(WP_MATCHING | CHECK_WPASYNC)) != 0
                    || (categories & ~PagemapFlags.ALL) != 0
                    || !ProgramLoader.GEOMETRY.isAligned(start)) {
                return LinuxErrno.EINVAL;
            }
            long limit = ProgramLoader.GEOMETRY.limit();
            if (start < 0 || end < start || end > limit) {
                return LinuxErrno.EFAULT;
            }
            if (vector == 0) {
                return room == 0 ? 0 : LinuxErrno.EINVAL;
            }
            boolean fits = vector > 0 && room >= 0 && room <= limit / REGION && vector <= limit - room * REGION;
            return fits ? 0 : LinuxErrno.EFAULT;
        }
    }

    long scan(AddressSpace space, long address) {
        ByteBuffer given = memory.getBuffer(address, ARGUMENT);
        if (given.getLong(0) != ARGUMENT) {
            return LinuxErrno.EINVAL;
        }
        ScanArgument asked = ScanArgument.of(given);
        long error = asked.error();
        if (error != 0) {
            return error;
        }
        long[] end = {ProgramLoader.GEOMETRY.roundUp(asked.end)};
        long found = asked.flags == 0 ? regions(space, asked, end) : ofProtected(space, asked);
        memory.putLong(address + WALK_END, end[0]);
        return found;
    }

    /**
     * Returns the result of a request for write protection, which requires a {@code userfaultfd}. No mapping has one
     * here.
     */
    private static long ofProtected(AddressSpace space, ScanArgument asked) {
        Vma first = space.findNext(asked.start);
        boolean isAny = first != null && first.start() < asked.end;
        return isAny && (asked.flags & CHECK_WPASYNC) != 0 ? LinuxErrno.EPERM : 0;
    }

    /** Scans in parts, because the guest chooses how many regions it has room for. */
    private long regions(AddressSpace space, ScanArgument asked, long[] end) {
        long at = asked.start;
        long found = 0;
        long pages = 0;
        while (at < end[0]) {
            int room = (int) Math.min(asked.room - found, MOST_REGIONS);
            long[] regions = asked.room == 0 ? null : new long[WORDS * room];
            PageScan question = asked.question.range(at, end[0]).maxPages(asked.most == 0 ? 0 : asked.most - pages);
            long more = space.pagemapScan(question, regions);
            if (more < 0) {
                return more == LinuxErrno.ESRCH ? 0 : more;
            }
            at = question.walkEnd();
            if (regions != null) {
                pages += put(asked.vector + found * REGION, regions, (int) more);
            }
            found += more;
            boolean isFull = found == asked.room || (asked.most != 0 && pages == asked.most);
            if (more < room || isFull) {
                break;
            }
        }
        end[0] = at;
        return found;
    }

    /** Stores regions, and returns how many pages they contain. */
    private long put(long address, long[] regions, int count) {
        ByteBuffer bytes = CallMemory.structure(count * REGION);
        long pages = 0;
        for (int i = 0; i < count; i++) {
            for (int word = 0; word < WORDS; word++) {
                bytes.putLong(regions[WORDS * i + word]);
            }
            pages += ProgramLoader.GEOMETRY.pages(regions[WORDS * i + 1] - regions[WORDS * i]);
        }
        memory.put(address, bytes);
        return pages;
    }
}

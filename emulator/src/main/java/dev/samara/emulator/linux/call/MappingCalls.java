// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.vma.Vma;
import dev.samara.emulator.linux.abi.LinuxCall;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.process.GuestThread;
import java.util.EnumSet;
import java.util.Set;

/**
 * Rejects calls that may add mappings once all processes together have the maximum number of mappings, and counts the
 * mappings after each call that may change their number.
 */
final class MappingCalls {
    /** The calls that add or split mappings. */
    private static final Set<LinuxCall> ADDING = EnumSet.of(
            LinuxCall.MMAP,
            LinuxCall.MREMAP,
            LinuxCall.MPROTECT,
            LinuxCall.MADVISE,
            LinuxCall.MLOCK,
            LinuxCall.MLOCK2,
            LinuxCall.MUNLOCK,
            LinuxCall.MSEAL,
            LinuxCall.REMAP_FILE_PAGES,
            LinuxCall.PROCESS_MADVISE,
            LinuxCall.SHMAT);

    /** The calls that only remove or merge mappings. */
    private static final Set<LinuxCall> REMOVING = EnumSet.of(LinuxCall.SHMDT, LinuxCall.MUNLOCKALL);

    private MappingCalls() {}

    /** Wraps the calls of a thread so that mappings are counted. */
    static void count(CallTable table, GuestThread thread) {
        ADDING.forEach(each -> table.wrap(
                each, made -> (a, b, c, d, e, f) -> counted(thread, true, () -> made.make(a, b, c, d, e, f))));
        REMOVING.forEach(each -> table.wrap(
                each, made -> (a, b, c, d, e, f) -> counted(thread, false, () -> made.make(a, b, c, d, e, f))));
        table.wrap(LinuxCall.BRK, made -> (a, b, c, d, e, f) -> {
            ProcessMemory memory = thread.process().memory();
            // brk reports no errors. If it cannot move the break, it returns the present one, which brk(0) reads.
            return memory.mayMapNothing()
                    ? memory.space().brk(0)
                    : counted(thread, false, () -> made.make(a, b, c, d, e, f));
        });
        table.wrap(
                LinuxCall.PRCTL,
                made -> (a, b, c, d, e, f) -> (int) a == MemoryOptions.SET_VMA
                        ? counted(thread, true, () -> made.make(a, b, c, d, e, f))
                        : made.make(a, b, c, d, e, f));
        table.wrap(
                LinuxCall.MUNMAP,
                made -> (a, b, c, d, e, f) ->
                        counted(thread, divides(thread, a, b), () -> made.make(a, b, c, d, e, f)));
    }

    @FunctionalInterface
    private interface CountedCall {
        long make();
    }

    private static long counted(GuestThread thread, boolean adds, CountedCall call) {
        ProcessMemory memory = thread.process().memory();
        if (adds && memory.mayMapNothing()) {
            return LinuxErrno.ENOMEM;
        }
        try {
            return call.make();
        } finally {
            memory.recount();
        }
    }

    /** Whether an unmapping splits a mapping into two. */
    private static boolean divides(GuestThread thread, long start, long length) {
        Vma first = thread.process().memory().space().find(start);
        return first != null && first.start() < start && first.end() > start + length;
    }
}

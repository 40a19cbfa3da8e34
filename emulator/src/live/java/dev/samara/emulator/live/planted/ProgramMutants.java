// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live.planted;

import dev.samara.emulator.live.OpenProgramsLanguage;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.interleave.rule.RuleMutant;
import java.util.List;

/** Mutants that break rules of system calls. */
final class ProgramMutants {
    private static final String LINUX = "dev.samara.emulator.linux.";

    /** The maximum number of scripts for each mutant, which take several minutes. */
    private static final long MOST = 4_000;

    private ProgramMutants() {}

    private static RuleMutant of(String name, RuleMutant.Cost cost, String className, String... texts) {
        return new RuleMutant(name, cost, OpenProgramsLanguage.class, MOST, SourceMutant.of(LINUX + className, texts));
    }

    static final List<RuleMutant> ALL = List.of(
            of(
                    "a read of a pipe consumes before it copies",
                    RuleMutant.shown(19.1, 61, 4),
                    "file.Pipe",
                    "                taken = wholePages(taken);\n            }\n            drop(taken);\n",
                    "                taken = wholePages(taken);\n            }\n            drop(found.length);\n"),
            of(
                    "the return from a handler goes through the result of a call",
                    RuleMutant.shown(22.4, 155, 1),
                    "call.SystemCalls",
                    "            state.make();\n",
                    """
                                state.make();
                                long left = x[Hart.A0];
                                make((a, b, c, d, e, f) -> left, number, x);
                    """),
            of(
                    "the key of a futex is chosen by the wrong flag",
                    RuleMutant.shown(8.1, 2, 1),
                    "call.FutexCalls",
                    "(operation & PRIVATE) != 0",
                    "(operation & WALL_CLOCK) != 0"),
            of(
                    "a descriptor that is opened again keeps its mode",
                    RuleMutant.shown(10.4, 5, 4),
                    "call.FileCalls",
                    "open.reopened(flags & OpenFlags.KEPT)",
                    "open.reopened(flags & OpenFlags.KEPT & ~3 | open.flags() & 3)"),
            of(
                    "a read of a folder skips the entry that did not fit",
                    RuleMutant.shown(51.3, 356, 6),
                    "file.GuestFolder",
                    "        next = before;\n",
                    "        next = found + 24 > length ? before + 1 : before;\n"),
            of(
                    "an alternate stack stays armed in its handler",
                    RuleMutant.shown(44.7, 153, 7),
                    "signal.SignalFrame",
                    "        other.entered();\n",
                    ""),
            of(
                    "a close keeps the locks of the process",
                    RuleMutant.shown(16.8, 7, 10),
                    "file.DescriptorTable",
                    "            kept.releaseAll(file.lockKey(), this);\n",
                    "            assert kept != null;\n"),
            of(
                    "small writes to a pipe have a page each",
                    RuleMutant.shown(9.0, 6, 5),
                    "file.Pipe",
                    "given = from == 0 ? join((int) (count % PAGE), source) : 0;",
                    "given = 0;"),
            of(
                    "an append leaves its position where it was",
                    RuleMutant.shown(27.4, 164, 3),
                    "file.SeekableFile",
                    "        position = offset + done;\n",
                    "        position += done;\n"),
            of(
                    "O_EXCL follows a link",
                    RuleMutant.shown(11.8, 54, 2),
                    "call.FileCalls",
                    "(flags & OpenFlags.NOFOLLOW) == 0 && !isNew;",
                    "(flags & OpenFlags.NOFOLLOW) == 0;"),
            of(
                    "a new descriptor leaves out a number below another one",
                    RuleMutant.shown(25.6, 63, 6),
                    "file.DescriptorTable",
                    "if (!all.containsKey(number) && !reserved.contains(number)) {",
                    "if (!all.containsKey(number) && !reserved.contains(number) && !all.containsKey(number + 1)) {"),
            of(
                    "a copy of a descriptor ends at exec as the first one does",
                    RuleMutant.shown(11.3, 13, 4),
                    "call.DescriptorCalls",
                    "return duplicateFrom(file, argument, false);",
                    "return duplicateFrom(file, argument, files().endsAtExec((int) descriptor));"),
            of(
                    "SIG_BLOCK replaces the mask",
                    RuleMutant.shown(11.5, 31, 5),
                    "call.SignalCalls",
                    "case BLOCK -> thread.mask().set(old | set);",
                    "case BLOCK -> thread.mask().set(set);"));
}

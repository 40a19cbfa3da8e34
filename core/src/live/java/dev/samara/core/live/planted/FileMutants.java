// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.planted;

import dev.samara.core.live.file.OpenFileLanguage;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.interleave.rule.RuleMutant;
import java.util.List;

/** Mutants that break rules of host files. */
final class FileMutants {
    private static final String INTERNAL = "dev.samara.core.internal.";

    /** The maximum number of scripts per mutant, which take several minutes. */
    private static final long MOST = 8_000;

    private FileMutants() {}

    private static RuleMutant of(String name, RuleMutant.Cost cost, String className, String... texts) {
        return new RuleMutant(name, cost, OpenFileLanguage.class, MOST, SourceMutant.of(INTERNAL + className, texts));
    }

    static final List<RuleMutant> ALL = List.of(
            of(
                    "a write-back computes the length of a page twice",
                    RuleMutant.shown(8.7, 5, 8),
                    "file.WriteBackBatch",
                    "Math.min(frames.pageSize(), size - cached",
                    "Math.min(frames.pageSize(), cached.size() - cached"),
            of(
                    "a file grows without the host",
                    RuleMutant.shown(4.3, 1, 3),
                    "hostfile.HostSize",
                    "            failed = growHost(bytes);\n",
                    ""),
            of(
                    "the failure of a flush is dropped",
                    RuleMutant.shown(46.4, 381, 6),
                    "hostfile.HostForces",
                    "failed = Errno.of(thrown).result();",
                    "failed = 0;"),
            of(
                    "what was stored beyond the end becomes bytes of the file",
                    RuleMutant.shown(7.4, 32, 7),
                    "file.Truncation",
                    "if (forgetsBeyondEnd) {",
                    "if (memory == null) {"),
            of(
                    "an append writes at the end that was known last",
                    RuleMutant.shown(5.2, 27, 4),
                    "hostfile.HostBytes",
                    "long failed = size.revalidate();\n            if (failed != 0) {",
                    "long failed = 0;\n            if (failed != 0) {"),
            of(
                    "a hole is punched into a file that another program has cut",
                    RuleMutant.shown(10.2, 64, 5),
                    "hostfile.HostBytes",
                    "long result = size.revalidate();",
                    "long result = 0;",
                    "long refused = size.revalidate();",
                    "long refused = 0;"),
            of(
                    "the rest of the last page stays after a truncation",
                    RuleMutant.shown(5.7, 2, 5),
                    "file.Truncation",
                    "            zeroTail(discarding.context());\n",
                    ""),
            of(
                    "a write does not mark its pages",
                    RuleMutant.shown(1.9, 1, 3),
                    "file.FileBytes",
                    "            frames.setDirty(frame);\n",
                    ""),
            of(
                    "a hole leaves its pages in memory",
                    RuleMutant.shown(4.8, 21, 3),
                    "hostfile.HostBytes",
                    "                pages.remove(first, count);\n",
                    "                assert count > 0;\n"),
            of(
                    "a failure is told by each save",
                    RuleMutant.shown(20.0, 158, 7),
                    "hostfile.ErrorSequence",
                    "                seen = count;\n",
                    ""),
            of(
                    "msync leaves out the last page",
                    RuleMutant.shown(31.0, 274, 8),
                    "hostfile.OpenHostFile",
                    "inode.flush(offset >>> pageShift, (offset + length - 1) >>> pageShift)",
                    "inode.flush(offset >>> pageShift, ((offset + length - 1) >>> pageShift) - 1)"),
            of(
                    "a hole looks at the open before its range",
                    RuleMutant.shown(6.6, 50, 3),
                    "hostfile.OpenHostFile",
                    "return punchRange(offset, length);",
                    "return isWritable ? punchRange(offset, length) : Errno.EBADF.result();"),
            of(
                    "the rest of the last page is not zeros",
                    RuleMutant.shown(1.8, 2, 3),
                    "hostfile.PageReads",
                    "if (isFilled && rest > 0) {",
                    "if (isFilled && rest < 0) {"),
            of(
                    "the bytes that another program has added to the last page are not read",
                    RuleMutant.shown(4.8, 12, 5),
                    "hostfile.HostSize",
                    "if (size % pageSize != 0 && inode.isWritable()) {",
                    "if (size < 0) {",
                    "} else if (size % pageSize != 0) {",
                    "} else if (size < 0) {"),
            of(
                    "an eviction frees pages that were not written",
                    RuleMutant.shown(4.0, 11, 4),
                    "file.EvictionBatch",
                    "return frames.isDirty(frame) || frames.isPinned(frame);",
                    "return frames.isPinned(frame);"),
            of(
                    "two names of a file are two files",
                    RuleMutant.shown(7.7, 36, 6),
                    "hostfile.HostPath",
                    "return fileKey != null ? fileKey : path.toRealPath();",
                    "return path.toAbsolutePath();"),
            of(
                    "a file that is closed is not saved",
                    RuleMutant.shown(9.0, 26, 3),
                    "hostfile.LastClose",
                    "            failed = inode.save();\n            isTried",
                    "            failed = 0;\n            isTried"));
}

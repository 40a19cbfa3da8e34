// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.planted;

import dev.samara.core.live.file.OpenFileLanguage;
import dev.samara.interleave.instrument.SourceBreak;
import dev.samara.interleave.rule.BrokenRule;
import java.util.List;

/** Broken rules of host files. */
final class FileBreaks {
    private static final String INTERNAL = "dev.samara.core.internal.";

    /** The most scripts of each, several minutes of them. */
    private static final long MOST = 8_000;

    private FileBreaks() {}

    private static BrokenRule of(String name, String className, String... texts) {
        return new BrokenRule(name, OpenFileLanguage.class, MOST, SourceBreak.of(INTERNAL + className, texts));
    }

    static final List<BrokenRule> ALL = List.of(
            of(
                    "a write-back computes the length of a page twice",
                    "file.WriteBackBatch",
                    "Math.min(frames.pageSize(), size - cached",
                    "Math.min(frames.pageSize(), cached.size() - cached"),
            of("a file grows without the host", "hostfile.HostSize", "            failed = growHost(bytes);\n", ""),
            of(
                    "the failure of a flush is dropped",
                    "hostfile.HostForces",
                    "failed = HostErrors.of(thrown).result();",
                    "failed = 0;"),
            of(
                    "what was stored beyond the end becomes bytes of the file",
                    "file.Truncation",
                    "if (forgetsBeyondEnd) {",
                    "if (memory == null) {"),
            of(
                    "an append writes at the end that was known last",
                    "hostfile.HostBytes",
                    "long failed = size.revalidate();\n            if (failed != 0) {",
                    "long failed = 0;\n            if (failed != 0) {"),
            of(
                    "a hole is punched into a file that another program has cut",
                    "hostfile.HostBytes",
                    "                failed = size.revalidate();\n",
                    "                failed = 0;\n"),
            of(
                    "the rest of the last page stays after a truncation",
                    "file.Truncation",
                    "            zeroTail(discarding.context());\n",
                    ""),
            of("a write does not mark its pages", "file.FileBytes", "            frames.setDirty(frame);\n", ""),
            of(
                    "a hole leaves its pages in memory",
                    "hostfile.HostBytes",
                    "                pages.remove(first, count);\n",
                    "                assert count > 0;\n"),
            of("a failure is told by each save", "hostfile.ErrorSequence", "                seen = count;\n", ""),
            of(
                    "msync leaves out the last page",
                    "hostfile.OpenHostFile",
                    "inode.flush(offset >>> pageShift, (offset + length - 1) >>> pageShift)",
                    "inode.flush(offset >>> pageShift, ((offset + length - 1) >>> pageShift) - 1)"),
            of(
                    "a hole looks at the open before its range",
                    "hostfile.OpenHostFile",
                    "return punchRange(offset, length);",
                    "return isWritable ? punchRange(offset, length) : Errno.EBADF.result();"),
            of(
                    "the rest of the last page is not zeros",
                    "hostfile.PageReads",
                    "if (isFilled && rest > 0) {",
                    "if (isFilled && rest < 0) {"),
            of(
                    "the bytes that another program has added to the last page are not read",
                    "hostfile.HostSize",
                    "if (size % pageSize != 0 && inode.isWritable()) {",
                    "if (size < 0) {",
                    "} else if (size % pageSize != 0) {",
                    "} else if (size < 0) {"),
            of(
                    "an eviction frees pages that were not written",
                    "file.EvictionBatch",
                    "return frames.isDirty(frame) || frames.isPinned(frame);",
                    "return frames.isPinned(frame);"),
            of(
                    "two names of a file are two files",
                    "hostfile.HostPath",
                    "return fileKey != null ? fileKey : path.toRealPath();",
                    "return path.toAbsolutePath();"),
            of(
                    "a file that is closed is not saved",
                    "hostfile.LastClose",
                    "            failed = inode.save();\n            isTried",
                    "            failed = 0;\n            isTried"));
}

// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** Mutants of the library's reaction to host calls that fail, are short or are interrupted. */
final class HostFaultMutants {
    private static final String CORE = "dev.samara.core.internal.";

    private HostFaultMutants() {}

    /**
     * A mutant.
     *
     * @param name its name in docs/mutants.md
     * @param planting plants the mutant
     */
    record HostFaultMutant(String name, Planting planting) {}

    private static HostFaultMutant of(String name, String className, String... texts) {
        return new HostFaultMutant(name, SourceMutant.of(CORE + className, texts));
    }

    static final List<HostFaultMutant> ALL = List.of(
            of(
                    "the failure of a flush is dropped",
                    "hostfile.OpenHostFile",
                    "            return told(inode.flush(0, Long.MAX_VALUE));",
                    "inode.flush(0, Long.MAX_VALUE); return 0;"),
            of("an error is reported twice", "hostfile.ErrorSequence", "                seen = count;\n", ""),
            of(
                    "a short write is taken for a whole one",
                    "hostfile.PageWrites",
                    "            while (bytes.hasRemaining()) {\n                int written = to.write",
                    "            if (bytes.hasRemaining()) {\n                int written = to.write"),
            of(
                    "a short read leaves a tail of zeros",
                    "hostfile.PageReads",
                    "        while (buffer.hasRemaining()) {\n            if (from.read",
                    "        if (buffer.hasRemaining()) {\n            if (from.read"),
            of(
                    "an interrupted write marks the page clean",
                    "hostfile.PageWrites",
                    "            return drop(Errno.of(failed).result());",
                    "            if (failed instanceof java.nio.channels.ClosedByInterruptException) {"
                            + " inode.errors().add(Errno.EIO.result()); return 0; }"
                            + " return drop(Errno.of(failed).result());"),
            of(
                    "a failed truncation makes the file smaller",
                    "hostfile.HostSize",
                    "            return Errno.of(failed).result();\n        } finally {\n"
                            + "            inode.unlockAll();",
                    "            pages.truncate(bytes);\n            return Errno.of(failed).result();\n"
                            + "        } finally {\n            inode.unlockAll();"),
            of(
                    "a failed open leaves the file in the table",
                    "hostfile.HostFiles",
                    "                ends.leave(inode, writes);\n",
                    "                inodes.areSomeWritable();\n"),
            of(
                    "an open succeeds that cannot look at the size",
                    "hostfile.HostFiles",
                    "            long failed = inode.size().look();",
                    "            long failed = inode.size().revalidate() * 0;"),
            of(
                    "a failed force leaves the pages clean",
                    "hostfile.HostForces",
                    "            covered.setDirty(pages);\n            written.setDirty(pages);\n",
                    ""),
            of(
                    "what was written is not noted for the next force",
                    "hostfile.PageWrites",
                    "            forces.addWritten(first, last);\n",
                    ""),
            of(
                    "what was written past the cache is not noted for the next force",
                    "hostfile.UncachedWrites",
                    "                forces.addWritten(first, first + count - 1);\n",
                    ""),
            of(
                    "a hole that was made in part leaves other bytes in memory",
                    "hostfile.HostBytes",
                    "                    inode.saved().setDirty(first, first + count - 1);\n",
                    ""),
            of("a growth that fails leaves the host larger", "hostfile.HostSize", "            undo(bytes);\n", ""),
            of(
                    "a truncation that fails is not looked at",
                    "hostfile.HostSize",
                    "            if (host.size() != bytes) {\n                throw failed;\n            }",
                    "            throw failed;"),
            of(
                    "a last close that fails ends the file",
                    "hostfile.LastClose",
                    "            if (keepsUnsaved(failed)) {\n                inodes.keep(inode);",
                    "            if (!keepsUnsaved(failed)) {\n                inodes.keep(inode);"),
            of(
                    "the failure of a last close is not reported",
                    "hostfile.LastClose",
                    "                reportUnsaved(inode, failed);\n            }\n            if (keeps",
                    "            }\n            if (keeps"),
            of(
                    "a failed close of a channel is not reported",
                    "hostfile.LastClose",
                    "            report(inode, \"close\", inode + \" could not be closed: \""
                            + " + Errno.of(failed), failed);\n",
                    ""),
            of(
                    "an eviction drops the failure of its writes",
                    "hostfile.PageWrites",
                    "            if (failed != 0 && failed != SHORT && failed != HELD) {",
                    "            if (failed != 0 && failed != SHORT && inode.isWritable() == dropsFailed) {"));
}

// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.oracle;

import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.record.Rights;
import java.util.StringJoiner;

/** Formats a VMA as {@code <start>-<end>:<perms>:<file offset>:<backing>:<flags>}. */
final class VmaText {
    /** The flags that are listed if they are set, in the order of their bits. */
    private static final long LISTED = VmaFlags.ACCOUNT
            | VmaFlags.NORESERVE
            | VmaFlags.LOCKED
            | VmaFlags.LOCKONFAULT
            | VmaFlags.DONTCOPY
            | VmaFlags.DONTDUMP
            | VmaFlags.WIPEONFORK
            | VmaFlags.HUGEPAGE
            | VmaFlags.NOHUGEPAGE
            | VmaFlags.RAND_READ
            | VmaFlags.SEQ_READ
            | VmaFlags.SEALED;

    private VmaText() {}

    static String format(Vma vma, long base, long offset, String backing) {
        StringJoiner flags = new StringJoiner(",");
        String listed = VmaFlags.format(vma.flags() & LISTED);
        if (!listed.isEmpty()) {
            flags.add(listed.replace(' ', ','));
        }
        if (!vma.has(VmaFlags.MAYWRITE)) {
            flags.add("!mw");
        }
        if (vma.has(VmaFlags.MAYSHARE) && !vma.has(VmaFlags.SHARED)) {
            flags.add("!sh");
        }
        return Long.toHexString(vma.start() - base)
                + "-"
                + Long.toHexString(vma.end() - base)
                + ":"
                + Rights.format(vma.flags())
                + ":"
                + Long.toHexString(offset)
                + ":"
                + backing
                + ":"
                + flags;
    }
}

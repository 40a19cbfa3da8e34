// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.HostFile;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;

/**
 * Prevents opens for writing, until it is closed. It counts as a use of the {@link HostFile} that started it, so the
 * file stays open, like the executable of a running program.
 */
final class HeldDenial implements HostFile.WriteDenial {
    private final String name;
    private final OpenUses uses;
    private final InodeTable inodes;
    private final HostInode inode;

    /**
     * Written: the first thread that closes the denial (monitor).
     * Read: a thread that closes it (monitor).
     * Invariant: never reset; each denial is ended once.
     */
    @GuardedBy("this")
    private boolean isClosed;

    private HeldDenial(String name, OpenUses uses, InodeTable inodes, HostInode inode) {
        this.name = name;
        this.uses = uses;
        this.inodes = inodes;
        this.inode = inode;
    }

    /**
     * Starts a denial.
     *
     * @param name the name of the file, for messages
     * @param uses the uses of the open
     * @throws dev.samara.core.mman.MmException EBADF if the owner has closed the open, ETXTBSY if the file is open for
     *     writing
     */
    static HeldDenial begin(String name, OpenUses uses, InodeTable inodes, HostInode inode) {
        ThreadCpus.checkMayWait("the denial of writes");
        HeldDenial denial = new HeldDenial(name, uses, inodes, inode);
        if (!uses.beginCall()) {
            throw refusal(name, Errno.EBADF);
        }
        boolean isDenied = false;
        try {
            isDenied = inodes.denyWrites(inode);
        } finally {
            if (!isDenied) {
                uses.unuse();
            }
        }
        if (!isDenied) {
            throw refusal(name, Errno.ETXTBSY);
        }
        return denial;
    }

    private static MmException refusal(String name, Errno errno) {
        return new MmException("denyWrites(" + name + ")", errno);
    }

    @Override
    public void close() {
        ThreadCpus.checkMayWait("the closing of a file");
        synchronized (this) {
            if (isClosed) {
                return;
            }
            isClosed = true;
        }
        try {
            inodes.allowWrites(inode);
        } finally {
            uses.unuse();
        }
    }

    @Override
    public String toString() {
        return "denial of writes to " + name;
    }
}

// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.HostFile;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;

/** A denial of opens for writing. It is a use of an open, as a running program keeps its file open. */
final class HeldDenial implements HostFile.WriteDenial {
    private final OpenHostFile open;
    private final InodeTable inodes;
    private final HostInode inode;

    /** Guarded by this. */
    private boolean isClosed;

    private HeldDenial(OpenHostFile open, InodeTable inodes, HostInode inode) {
        this.open = open;
        this.inodes = inodes;
        this.inode = inode;
    }

    /**
     * Starts a denial.
     *
     * @throws dev.samara.core.mman.MmException EBADF if the owner has closed the open, ETXTBSY if there are writers
     */
    static HeldDenial begin(OpenHostFile open, InodeTable inodes, HostInode inode) {
        Cpus.checkMayWait("the denial of writes");
        HeldDenial denial = new HeldDenial(open, inodes, inode);
        if (!open.beginCall()) {
            throw refusal(open, Errno.EBADF);
        }
        boolean isDenied = false;
        try {
            isDenied = inodes.denyWrites(inode);
        } finally {
            if (!isDenied) {
                open.unuse();
            }
        }
        if (!isDenied) {
            throw refusal(open, Errno.ETXTBSY);
        }
        return denial;
    }

    private static MmException refusal(OpenHostFile open, Errno errno) {
        return new MmException("denyWrites(" + open.name() + ")", errno);
    }

    @Override
    public void close() {
        Cpus.checkMayWait("the closing of a file");
        synchronized (this) {
            if (isClosed) {
                return;
            }
            isClosed = true;
        }
        try {
            inodes.allowWrites(inode);
        } finally {
            open.unuse();
        }
    }

    @Override
    public String toString() {
        return "denial of writes to " + open.name();
    }
}

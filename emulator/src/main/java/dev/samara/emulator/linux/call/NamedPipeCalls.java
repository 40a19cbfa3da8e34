// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.NamedPipe;
import dev.samara.emulator.linux.file.NamedPipeEnd;
import dev.samara.emulator.linux.file.NamedPipePlace;
import dev.samara.emulator.linux.file.NamedPipes;
import dev.samara.emulator.linux.file.OpenFlags;
import dev.samara.emulator.linux.file.Pipe;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.wait.WaitingThread;

/** Opens named pipes. The opens of the two ends wait for each other ({@code fifo_open}). */
final class NamedPipeCalls {

    private final GuestThread thread;

    NamedPipeCalls(GuestThread thread) {
        this.thread = thread;
    }

    /**
     * Opens a pipe at a number that the caller reserved, so that the other end never sees an open that then gets no
     * number. Waits for the other end, unless the open is for both ends or non-blocking.
     */
    long open(int number, NamedPipes.PipeRights found, String guest, int flags) {
        GuestFile[] opened = new GuestFile[1];
        long result = (flags & OpenFlags.PATH) != 0 ? 0 : open(found, guest, flags, opened);
        if (result != 0) {
            return result;
        }
        if ((flags & OpenFlags.DIRECT) != 0 && opened[0] != null) {
            // Checked after the wait (do_dentry_open).
            opened[0].release();
            return LinuxErrno.EINVAL;
        }
        GuestFile end = opened[0] != null ? opened[0] : new NamedPipePlace(guest, flags & OpenFlags.KEPT, found.pipe());
        boolean isFilled = false;
        try {
            if (!end.countIn(thread.process().system().openFiles())) {
                return LinuxErrno.ENFILE;
            }
            end.openedWith(thread.credentials());
            thread.process().files().fill(number, end, (flags & OpenFlags.CLOEXEC) != 0);
            isFilled = true;
            return number;
        } finally {
            if (!isFilled) {
                end.release();
            }
        }
    }

    private long open(NamedPipes.PipeRights found, String guest, int flags, GuestFile[] opened) {
        int access = flags & OpenFlags.ACCESS;
        boolean reads = access != OpenFlags.WRONLY;
        boolean writes = access != OpenFlags.RDONLY;
        if ((reads && !found.isReadable()) || (writes && !found.isWritable())) {
            return LinuxErrno.EACCES;
        }
        if (access == OpenFlags.ACCESS) {
            return LinuxErrno.EINVAL;
        }
        NamedPipe named = found.pipe();
        boolean isWaiting = (flags & OpenFlags.NONBLOCK) == 0;
        boolean needsReader = !isWaiting && !reads;
        NamedPipe.JoinedPipe joined = needsReader
                ? named.addWriterIfRead()
                : named.join(reads, writes, thread.process().system().pipes());
        if (joined == null) {
            return needsReader ? LinuxErrno.ENXIO : LinuxErrno.ENFILE;
        }
        long quiet = isWaiting || !reads ? -1 : joined.opens();
        NamedPipeEnd end = new NamedPipeEnd(guest, named, joined.pipe(), flags & OpenFlags.KEPT, quiet);
        long waited = isWaiting && joined.opens() != Pipe.HAS_PARTNER ? LinuxErrno.EINTR : 0;
        try {
            if (waited != 0) {
                waited = thread.await(
                        joined.pipe().waiters(),
                        () -> joined.pipe().opens(!reads) != joined.opens(),
                        WaitingThread.NEVER);
            }
        } finally {
            if (waited != 0) {
                end.release();
            }
        }
        opened[0] = end;
        return waited;
    }
}

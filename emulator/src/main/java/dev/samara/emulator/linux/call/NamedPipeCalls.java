// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable;
import dev.samara.emulator.linux.file.NamedPipe;
import dev.samara.emulator.linux.file.NamedPipeEnd;
import dev.samara.emulator.linux.file.NamedPipePlace;
import dev.samara.emulator.linux.file.NamedPipes;
import dev.samara.emulator.linux.file.OpenFileCount;
import dev.samara.emulator.linux.file.OpenFlags;
import dev.samara.emulator.linux.file.Pipe;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.wait.WaitingThread;

/** {@code mknodat}, and the opens of named pipes, which wait for each other ({@code fifo_open}). */
final class NamedPipeCalls {

    private final GuestThread thread;

    NamedPipeCalls(GuestThread thread) {
        this.thread = thread;
    }

    /** Opens a pipe: waits for a reader or a writer, unless it is both, or does not wait. */
    long open(NamedPipes.PipeRights found, String guest, int flags) {
        DescriptorTable files = thread.process().files();
        OpenFileCount counted = thread.process().system().openFiles();
        boolean endsAtExec = (flags & OpenFlags.CLOEXEC) != 0;
        if ((flags & OpenFlags.PATH) != 0) {
            NamedPipePlace place = new NamedPipePlace(guest, flags & OpenFlags.KEPT, found.pipe());
            return place.countIn(counted) ? files.add(place, endsAtExec, 0) : LinuxErrno.ENFILE;
        }
        // First: no other end sees an open that cannot succeed.
        long number = files.reserve();
        if (number < 0) {
            return number;
        }
        try {
            NamedPipeEnd[] opened = new NamedPipeEnd[1];
            long result = open(found, guest, flags, opened);
            if (result != 0) {
                return result;
            }
            boolean isFilled = false;
            try {
                if (!opened[0].countIn(counted)) {
                    return LinuxErrno.ENFILE;
                }
                files.fill((int) number, opened[0], endsAtExec);
                isFilled = true;
                return number;
            } finally {
                if (!isFilled) {
                    opened[0].release();
                }
            }
        } finally {
            files.endReserve((int) number);
        }
    }

    private long open(NamedPipes.PipeRights found, String guest, int flags, NamedPipeEnd[] opened) {
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

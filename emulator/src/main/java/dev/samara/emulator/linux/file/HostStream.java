// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;

/** An output stream of the emulator that is the guest's standard output or standard error. */
public final class HostStream extends GuestFile {
    private final OutputStream out;
    private final boolean isTerminal;

    public HostStream(String path, OutputStream out, boolean isTerminal) {
        super(path, OpenFlags.WRONLY);
        this.out = out;
        this.isTerminal = isTerminal;
    }

    @Override
    public long write(FileThread thread, ByteBuffer source) {
        byte[] bytes = new byte[source.remaining()];
        source.get(bytes);
        try {
            synchronized (out) {
                out.write(bytes);
                out.flush();
            }
        } catch (IOException e) {
            // The errno is found from the JDK's message, if there is one. A pipe without a reader fails with EPIPE.
            long error = LinuxErrno.of(e);
            if (error == LinuxErrno.EPIPE) {
                thread.sendPipeSignal();
            }
            return error;
        }
        return bytes.length;
    }

    @Override
    public boolean hasOffsets() {
        return false;
    }

    @Override
    public boolean hasPath() {
        return false;
    }

    @Override
    public FileStatus status() {
        return FileStatus.of((isTerminal ? FileStatus.CHARACTERS : FileStatus.FIFO) | 0620, 3, 0);
    }

    @Override
    public boolean isTerminal() {
        return isTerminal;
    }
}

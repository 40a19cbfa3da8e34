// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.wait.WaitList;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The standard input of the emulator as a file of the guest. A read of the host's input cannot be interrupted, so a
 * separate thread reads it. The thread starts when the guest first uses the input, and fills a pipe from which the
 * guest reads.
 */
public final class StandardInput extends GuestFile {
    private static final int CHUNK = 4096;

    private final InputStream in;
    private final Pipe pipe = Pipe.ofHost();
    private final PipeEnd end;
    private final boolean isTerminal;
    private boolean isStarted;

    public StandardInput(InputStream in, boolean isTerminal) {
        super(isTerminal ? "/dev/tty" : "pipe:[0]", OpenFlags.RDONLY);
        this.in = in;
        this.isTerminal = isTerminal;
        end = new PipeEnd(path(), pipe, OpenFlags.RDONLY, isTerminal);
    }

    private synchronized void start() {
        if (!isStarted) {
            isStarted = true;
            Thread reader = new Thread(this::pump, "standard input of the guest");
            reader.setDaemon(true);
            reader.start();
        }
    }

    private void pump() {
        byte[] bytes = new byte[CHUNK];
        try {
            for (int read = in.read(bytes); read >= 0; read = in.read(bytes)) {
                pipe.giveOrWait(bytes, read);
            }
        } catch (IOException | InterruptedException endOfInput) {
            // The guest sees the end of the input.
        } finally {
            pipe.endWriter();
        }
    }

    /** Starts a read; returns 0, or the error if it cannot continue. */
    private long begin() {
        start();
        return isNonBlocking() && !pipe.isReadable() ? LinuxErrno.EAGAIN : 0;
    }

    @Override
    public long read(FileThread thread, ByteBuffer target) {
        long result = begin();
        return result != 0 ? result : end.read(thread, target);
    }

    @Override
    public long readTo(FileThread thread, int length, ReadTarget target) {
        long result = begin();
        return result != 0 ? result : end.readTo(thread, length, target);
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
        return end.status();
    }

    @Override
    public long available() {
        start();
        return end.available();
    }

    @Override
    public int ready() {
        start();
        return end.ready();
    }

    @Override
    public @Nullable WaitList waiters() {
        return pipe.waiters();
    }

    @Override
    public boolean isTerminal() {
        return isTerminal;
    }
}

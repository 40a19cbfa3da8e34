// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

/** An open end of a named pipe, or both ends for {@code O_RDWR}. */
public final class NamedPipeEnd extends PipeEnd {
    private final NamedPipe named;
    private final Pipe pipe;

    /**
     * As long as the pipe was opened for writing only this many times, the lack of a writer is not a hang-up; -1 if it
     * always is one.
     */
    private final long opensBefore;

    public NamedPipeEnd(String path, NamedPipe named, Pipe pipe, int flags, long opensBefore) {
        super(path, pipe, flags, false);
        this.named = named;
        this.pipe = pipe;
        this.opensBefore = opensBefore;
    }

    /** Returns the pipe. */
    public NamedPipe named() {
        return named;
    }

    @Override
    public boolean hasPath() {
        return true;
    }

    @Override
    public FileStatus status() {
        return named.status();
    }

    @Override
    public int ready() {
        boolean isQuiet = pipe.writerOpens() == opensBefore;
        return isQuiet ? super.ready() & ~HUNG_UP : super.ready();
    }

    @Override
    public boolean isPipe() {
        return true;
    }
}

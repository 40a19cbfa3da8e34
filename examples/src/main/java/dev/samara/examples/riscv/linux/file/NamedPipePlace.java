// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/** A named pipe that was opened by {@code O_PATH}: no end of it. */
public final class NamedPipePlace extends GuestFile {
    private final NamedPipe named;

    public NamedPipePlace(String path, NamedPipe named) {
        super(path, OpenFlags.PATH);
        this.named = named;
    }

    @Override
    public long read(FileThread thread, ByteBuffer target) {
        return LinuxErrno.EBADF;
    }

    @Override
    public long write(FileThread thread, ByteBuffer source) {
        return LinuxErrno.EBADF;
    }

    @Override
    public FileStatus status() {
        return named.status();
    }
}

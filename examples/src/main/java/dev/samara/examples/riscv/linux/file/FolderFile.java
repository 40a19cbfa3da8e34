// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A directory of the host. Its names are read when the first of them is asked for. */
public final class FolderFile extends GuestFile {
    private static final int HEADER = 19;
    private static final int DT_FIFO = 1;
    private static final int DT_DIR = 4;
    private static final int DT_REG = 8;
    private static final int DT_LNK = 10;

    private final Path host;
    private final NamedPipes pipes;
    private @Nullable List<String> names;
    private int next;

    public FolderFile(String path, int flags, Path host, NamedPipes pipes) {
        super(path, flags);
        this.host = host;
        this.pipes = pipes;
    }

    @Override
    public long read(FileThread thread, ByteBuffer target) {
        return LinuxErrno.EISDIR;
    }

    @Override
    public long write(FileThread thread, ByteBuffer source) {
        return LinuxErrno.EBADF;
    }

    @Override
    public synchronized long seek(long offset, int from) {
        if (from != 0 || offset < 0) {
            return LinuxErrno.EINVAL;
        }
        next = (int) Math.min(offset, Integer.MAX_VALUE);
        if (offset == 0) {
            names = null;
        }
        return offset;
    }

    @Override
    public long sync() {
        return 0;
    }

    @Override
    public FileStatus status() {
        try {
            return FileStatus.of(host, true);
        } catch (IOException deleted) {
            return FileStatus.of(FileStatus.FOLDER | 0755, 2, 0);
        }
    }

    private List<String> names() throws IOException {
        List<String> known = names;
        if (known == null) {
            known = new ArrayList<>(List.of(".", ".."));
            try (DirectoryStream<Path> all = Files.newDirectoryStream(host)) {
                for (Path each : all) {
                    known.add(each.getFileName().toString());
                }
            }
            names = known;
        }
        return known;
    }

    /** Writes as many entries as fit ({@code getdents64}); returns the number of bytes. */
    public synchronized long entries(ByteBuffer target) {
        try {
            List<String> all = names();
            long before = target.position();
            while (next < all.size()) {
                byte[] name = all.get(next).getBytes(StandardCharsets.UTF_8);
                int length = HEADER + name.length + 1 + 7 & -8;
                if (target.remaining() < length) {
                    return target.position() == before ? LinuxErrno.EINVAL : target.position() - before;
                }
                put(target, all.get(next), name, length);
                next++;
            }
            return target.position() - before;
        } catch (IOException e) {
            return LinuxErrno.of(e);
        }
    }

    private void put(ByteBuffer target, String name, byte[] bytes, int length) {
        int at = target.position();
        FileStatus status = statusOf(name);
        target.putLong(at, status.inode()).putLong(at + 8, next + 1L);
        target.putShort(at + 16, (short) length).put(at + 18, (byte) type(status));
        target.put(at + HEADER, bytes);
        target.put(at + HEADER + bytes.length, (byte) 0);
        target.position(at + length);
    }

    private FileStatus statusOf(String name) {
        try {
            return pipes.seen(FileStatus.of(name.equals("..") ? host : host.resolve(name), false));
        } catch (IOException deleted) {
            return FileStatus.of(0, 1, 0);
        }
    }

    private static int type(FileStatus status) {
        return switch (status.mode() & FileStatus.TYPE) {
            case FileStatus.FIFO -> DT_FIFO;
            case FileStatus.FOLDER -> DT_DIR;
            case FileStatus.REGULAR -> DT_REG;
            case FileStatus.LINK -> DT_LNK;
            default -> 0;
        };
    }
}

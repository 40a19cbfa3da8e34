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

/**
 * A directory of the host. Its names are read when the first of them is asked for; with another name it is taken for a
 * deleted one.
 */
public final class FolderFile extends GuestFile {
    private static final int HEADER = 19;
    private static final int DT_FIFO = 1;
    private static final int DT_DIR = 4;
    private static final int DT_REG = 8;
    private static final int DT_LNK = 10;

    private final OpenedName name;
    private final NamedPipes pipes;
    private @Nullable List<String> names;
    private int next;

    public FolderFile(String path, int flags, OpenedName name, NamedPipes pipes) {
        super(path, flags);
        this.name = name;
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
        return name.status();
    }

    private List<String> names(Path host) throws IOException {
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
    public long entries(ByteBuffer target) {
        synchronized (pipes) {
            Path host = name.host();
            if (host == null) {
                return LinuxErrno.ENOENT;
            }
            try {
                return entries(host, target);
            } catch (IOException e) {
                return LinuxErrno.of(e);
            }
        }
    }

    private synchronized long entries(Path host, ByteBuffer target) throws IOException {
        List<String> all = names(host);
        long before = target.position();
        while (next < all.size()) {
            byte[] bytes = all.get(next).getBytes(StandardCharsets.UTF_8);
            int length = HEADER + bytes.length + 1 + 7 & -8;
            if (target.remaining() < length) {
                return target.position() == before ? LinuxErrno.EINVAL : target.position() - before;
            }
            put(target, statusOf(host, all.get(next)), bytes, length);
            next++;
        }
        return target.position() - before;
    }

    private void put(ByteBuffer target, FileStatus status, byte[] bytes, int length) {
        int at = target.position();
        target.putLong(at, status.inode()).putLong(at + 8, next + 1L);
        target.putShort(at + 16, (short) length).put(at + 18, (byte) type(status));
        target.put(at + HEADER, bytes);
        target.put(at + HEADER + bytes.length, (byte) 0);
        target.position(at + length);
    }

    private FileStatus statusOf(Path host, String entry) {
        try {
            return pipes.seen(FileStatus.of(entry.equals("..") ? host : host.resolve(entry), false));
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

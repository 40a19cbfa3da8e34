// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.AddressSpace;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.lang.ref.SoftReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Supplier;

/** A file of {@code /proc}: a text, or the memory or the page map of a process. */
public abstract class ProcFile extends SeekableFile {
    private final FileStatus status;

    private ProcFile(String path, int flags, int rights, long number) {
        super(path, flags);
        status = FileStatus.of(FileStatus.REGULAR | rights, number, 0);
    }

    @Override
    long size() {
        return 0;
    }

    @Override
    long end() {
        return -1;
    }

    @Override
    long pwrite(ByteBuffer source, long offset) {
        return LinuxErrno.EACCES;
    }

    @Override
    long append(ByteBuffer source) {
        return LinuxErrno.EACCES;
    }

    @Override
    public final long truncate(long length) {
        return 0;
    }

    @Override
    public final FileStatus status() {
        return status;
    }

    /**
     * Opens a text, which is generated when it is read from its start. Its bytes are kept by a soft reference, and
     * generated again if they are gone.
     *
     * @param turns held while a text is generated, because it may take ten times its size in the heap
     */
    public static ProcFile ofText(
            String path, int flags, int rights, long number, Object turns, Supplier<byte[]> content) {
        return new ProcFile(path, flags, rights, number) {
            private SoftReference<byte[]> last = new SoftReference<>(null);

            private byte[] bytes(long offset) {
                byte[] known = offset == 0 ? null : last.get();
                if (known == null) {
                    known = content.get();
                    last = new SoftReference<>(known);
                }
                return known;
            }

            @Override
            long pread(ByteBuffer target, long offset) {
                synchronized (turns) {
                    byte[] bytes = bytes(offset);
                    if (offset < 0 || offset >= bytes.length) {
                        return 0;
                    }
                    int length = Math.min(target.remaining(), bytes.length - (int) offset);
                    target.put(bytes, (int) offset, length);
                    return length;
                }
            }
        };
    }

    /** Opens the memory of a process, where offsets are addresses. */
    public static ProcFile ofMemory(String path, int flags, long number, AddressSpace space, Runnable afterWrite) {
        return new ProcFile(path, flags, 0600, number) {
            @Override
            long pread(ByteBuffer target, long offset) {
                return target.hasRemaining() ? result(space.readForced(offset, target)) : 0;
            }

            @Override
            long pwrite(ByteBuffer source, long offset) {
                long done = result(space.writeForced(offset, source));
                if (done > 0) {
                    afterWrite.run();
                }
                return done;
            }

            private long result(long done) {
                return done > 0 ? done : done == LinuxErrno.ESRCH ? 0 : LinuxErrno.EIO;
            }
        };
    }

    /** A page map: a word for each page, and PAGEMAP_SCAN. */
    public static final class PageMapFile extends ProcFile {
        public final AddressSpace space;

        public PageMapFile(String path, int flags, long number, AddressSpace space) {
            super(path, flags, 0400, number);
            this.space = space;
        }

        @Override
        long pread(ByteBuffer target, long offset) {
            int length = target.remaining();
            if (offset < 0 || offset % Long.BYTES != 0 || length % Long.BYTES != 0) {
                return LinuxErrno.EINVAL;
            }
            long page = offset / Long.BYTES;
            if (page >= space.geometry().pages(space.geometry().limit())) {
                return 0;
            }
            long[] words = new long[length / Long.BYTES];
            long bytes = (long) words.length << space.geometry().pageShift();
            long found = space.pagemap(page << space.geometry().pageShift(), bytes, words);
            if (found < 0) {
                return found == LinuxErrno.ESRCH ? 0 : found;
            }
            target.order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < found; i++) {
                target.putLong(words[i]);
            }
            return found * Long.BYTES;
        }
    }
}

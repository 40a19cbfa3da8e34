// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitingThread;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** An eventfd ({@code eventfd2}). */
public final class EventCounter extends GuestFile {
    public static final int SEMAPHORE = 1;

    private static final long MOST = -2;

    private final WaitList waiters = new WaitList();
    private final boolean isSemaphore;
    private long count;

    public EventCounter(long count, int flags) {
        super("anon_inode:[eventfd]", OpenFlags.RDWR | (flags & OpenFlags.NONBLOCK));
        this.count = count;
        isSemaphore = (flags & SEMAPHORE) != 0;
    }

    private synchronized long take() {
        long taken = count == 0 ? 0 : isSemaphore ? 1 : count;
        count -= taken;
        return taken;
    }

    private synchronized boolean isPositive() {
        return count != 0;
    }

    private synchronized boolean hasRoom(long added) {
        return Long.compareUnsigned(MOST - count, added) >= 0;
    }

    private synchronized boolean add(long added) {
        if (!hasRoom(added)) {
            return false;
        }
        count += added;
        return true;
    }

    @Override
    public long read(FileThread thread, ByteBuffer target) {
        if (target.remaining() < Long.BYTES) {
            return LinuxErrno.EINVAL;
        }
        for (; ; ) {
            long taken = take();
            if (taken != 0) {
                waiters.wakeAll();
                target.order(ByteOrder.LITTLE_ENDIAN).putLong(taken);
                return Long.BYTES;
            }
            if (isNonBlocking()) {
                return LinuxErrno.EAGAIN;
            }
            long waited = thread.await(waiters, this::isPositive, WaitingThread.NEVER);
            if (waited != 0) {
                return waited;
            }
        }
    }

    /** Takes the count before copying it, so the count is lost if the memory is not writable ({@code eventfd_read}). */
    @Override
    public long readTo(FileThread thread, int length, ReadTarget target) {
        byte[] bytes = new byte[Long.BYTES];
        long read = length < Long.BYTES ? LinuxErrno.EINVAL : read(thread, ByteBuffer.wrap(bytes));
        return read < 0 || target.put(bytes, Long.BYTES) == Long.BYTES ? read : LinuxErrno.EFAULT;
    }

    /** Checks the length before it copies the bytes. */
    @Override
    public long writeFrom(FileThread thread, long length, WriteSource source) {
        byte[] bytes = new byte[Long.BYTES];
        if (length != Long.BYTES) {
            return LinuxErrno.EINVAL;
        }
        boolean isThere = source.get(0, bytes, Long.BYTES) == Long.BYTES;
        return isThere ? write(thread, ByteBuffer.wrap(bytes)) : LinuxErrno.EFAULT;
    }

    @Override
    public long write(FileThread thread, ByteBuffer source) {
        if (source.remaining() != Long.BYTES) {
            return LinuxErrno.EINVAL;
        }
        long added = source.order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (added == -1) {
            return LinuxErrno.EINVAL;
        }
        while (!add(added)) {
            if (isNonBlocking()) {
                return LinuxErrno.EAGAIN;
            }
            long waited = thread.await(waiters, () -> hasRoom(added), WaitingThread.NEVER);
            if (waited != 0) {
                return waited;
            }
        }
        waiters.wakeAll();
        return Long.BYTES;
    }

    /** Permits only {@code O_PATH}, because the file belongs to user 0. */
    @Override
    public @Nullable GuestFile reopened(int changed) {
        return (changed & OpenFlags.PATH) == 0 ? null : new OpenedPlace(this, changed & OpenFlags.KEPT);
    }

    @Override
    public boolean takesSent() {
        return false;
    }

    @Override
    public boolean hasOffsets() {
        return false;
    }

    @Override
    public boolean writesParts() {
        return true;
    }

    /** Its position stays 0 ({@code noop_llseek}). */
    @Override
    public long seek(long offset, int from) {
        return 0;
    }

    @Override
    public boolean hasPath() {
        return false;
    }

    @Override
    public boolean isAnonymous() {
        return true;
    }

    @Override
    public FileStatus status() {
        return FileStatus.of(0600, 4, 0);
    }

    @Override
    public int polled() {
        return ready();
    }

    @Override
    public int ready() {
        return (isPositive() ? READABLE : 0) | (hasRoom(1) ? WRITABLE : 0);
    }

    @Override
    public WaitList waiters() {
        return waiters;
    }
}

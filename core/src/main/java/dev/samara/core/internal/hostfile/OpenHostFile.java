// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.HostFile;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.UncachedFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.SyncRangeFlags;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.FileLockInterruptionException;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** One open of a host file. It is used by its owner, its mappings and read-ahead, and ends with its last use. */
public final class OpenHostFile extends HostFile implements UncachedFile {
    /** The pause, in nanoseconds, between attempts to acquire a lock that another process has. */
    private static final long LOCK_PAUSE = 10_000_000;

    private static final int SYNC_FLAGS =
            SyncRangeFlags.WAIT_BEFORE | SyncRangeFlags.SYNC_FILE_RANGE_WRITE | SyncRangeFlags.WAIT_AFTER;

    private final HostOpens opens;
    private final HostInode inode;
    private final String name;
    private final HostIdentity identity;
    private final boolean isWritable;

    /** Whether calls bypass the cache, and so bring no pages into memory ({@code HostFileOption.DIRECT}). */
    private final boolean isDirect;

    private final int pageShift;
    private final ErrorSequence.ErrorCursor failures;
    private final ReadAhead readAhead;
    private final OpenUses uses;
    private final OpenAdvice advice;
    private final Operations operations = new Operations();

    OpenHostFile(
            HostOpens opens,
            HostInode inode,
            String name,
            HostIdentity identity,
            boolean isWritable,
            boolean isDirect) {
        this.opens = opens;
        this.inode = inode;
        this.name = name;
        this.identity = identity;
        this.isWritable = isWritable;
        this.isDirect = isDirect;
        failures = inode.errors().open();
        int pageSize = inode.pages().memory().frames().pageSize();
        pageShift = Integer.numberOfTrailingZeros(pageSize);
        readAhead = new ReadAhead(pageSize);
        uses = new OpenUses(() -> opens.ends().leave(inode, isWritable));
        advice = new OpenAdvice(opens, inode, uses, readAhead);
    }

    private final class Operations implements VmOperations {
        @Override
        public @Nullable Errno open(Vma vma) {
            return uses.use() ? null : Errno.EBADF;
        }

        @Override
        public void close(Vma vma) {
            uses.unuse();
        }
    }

    @Override
    public void close() {
        check("the closing of a file");
        uses.close();
    }

    /** Checks that the thread may wait, and is not executing a hook of the file. */
    private void check(String what) {
        ThreadCpus.checkMayWait(what);
        inode.checkNoHook(what);
    }

    @Override
    public WriteDenial denyWrites() {
        return HeldDenial.begin(name, uses, opens.inodes(), inode);
    }

    @Override
    public int fault(PageRequest request) {
        inode.checkNoHook("an access");
        FilePages pages = inode.pages();
        long page = request.page();
        if (page >= pages.pages()) {
            // Another program may have extended the file.
            inode.size().revalidate();
        }
        int known = pages.frameAt(page);
        if (known >= 0) {
            return known;
        }
        int frame = inode.fetch(page, readAhead.window(page, request.vma().flags()), true);
        if (frame == FilePages.NO_MEMORY) {
            return -Fault.OUT_OF_MEMORY;
        }
        request.major();
        return frame >= 0 ? frame : -Fault.ADRERR;
    }

    @Override
    public long fsync(long offset, long length) {
        check("a write-back");
        return told(inode.flush(offset >>> pageShift, (offset + length - 1) >>> pageShift));
    }

    @Override
    public long fsync() {
        check("a write-back");
        if (!uses.beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            return told(inode.flush(0, Long.MAX_VALUE));
        } finally {
            uses.unuse();
        }
    }

    /**
     * Returns the result of a call whose write-back returned {@code failed}. This is the last failure that the open has
     * not reported yet. If there is none, it is {@code failed}, which another thread may already have reported for this
     * open.
     */
    private long told(long failed) {
        long told = failures.tell();
        return told != 0 ? told : failed;
    }

    @Override
    public long syncRange(long offset, long length, int flags) {
        check("a write-back");
        if (!uses.beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            long end = offset + length;
            boolean isValid = (flags & ~SYNC_FLAGS) == 0 && offset >= 0 && length >= 0 && end >= 0;
            return isValid
                    ? syncPages(offset >>> pageShift, length == 0 ? Long.MAX_VALUE : (end - 1) >>> pageShift, flags)
                    : Errno.EINVAL.result();
        } finally {
            uses.unuse();
        }
    }

    private long syncPages(long first, long last, int flags) {
        if ((flags & SyncRangeFlags.WAIT_BEFORE) != 0) {
            inode.awaitWriteBack();
            long failed = failures.tell();
            if (failed != 0) {
                return failed;
            }
        }
        long failed = 0;
        if ((flags & SyncRangeFlags.SYNC_FILE_RANGE_WRITE) != 0) {
            // A failure is returned only if the call waits afterwards.
            failed = inode.write(first, last);
        } else if ((flags & SyncRangeFlags.WAIT_AFTER) != 0) {
            inode.awaitWriteBack();
        }
        return (flags & SyncRangeFlags.WAIT_AFTER) != 0 ? told(failed) : 0;
    }

    @Override
    public void willNeed(long offset, long length) {
        advice.willNeed(offset, length);
    }

    @Override
    public long size() {
        return inode.pages().size();
    }

    @Override
    public long pread(ByteBuffer target, long offset) {
        check("a read of a file");
        if (target.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
        if (offset < 0) {
            // Returned before the descriptor is checked, as in ksys_pread64.
            return Errno.EINVAL.result();
        }
        if (!uses.beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            return inode.bytes().pread(target, offset, isDirect ? null : readAhead);
        } finally {
            uses.unuse();
        }
    }

    @Override
    public int leastUncached() {
        return opens.policy().leastUncached;
    }

    /** Called by a mapping that uses this open. The owner may already have closed the open. */
    @Override
    public int readUncached(ByteBuffer target, long offset, AbsentEntries mapped) {
        return inode.bytes().readMapped(target, offset, mapped);
    }

    @Override
    public long pwrite(ByteBuffer source, long offset) {
        check("a write of a file");
        if (offset < 0) {
            return Errno.EINVAL.result();
        }
        if (!isWritable || !uses.beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            return inode.bytes().pwrite(source, offset, isDirect);
        } finally {
            uses.unuse();
        }
    }

    @Override
    public long append(ByteBuffer source) {
        check("a write of a file");
        if (!isWritable || !uses.beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            return inode.bytes().append(source, isDirect);
        } finally {
            uses.unuse();
        }
    }

    @Override
    public long grow(long bytes) {
        check("a change of a file's size");
        if (!uses.beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            // The order of the checks is that of vfs_fallocate.
            return bytes < 0 ? Errno.EINVAL.result() : isWritable ? inode.size().grow(bytes) : Errno.EBADF.result();
        } finally {
            uses.unuse();
        }
    }

    @Override
    public long truncate(long bytes) {
        check("a truncation");
        if (bytes < 0) {
            // Returned before the descriptor is checked, as in do_sys_ftruncate.
            return Errno.EINVAL.result();
        }
        if (!uses.beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            return isWritable ? inode.size().truncate(bytes) : Errno.EINVAL.result();
        } finally {
            uses.unuse();
        }
    }

    @Override
    public long punch(long offset, long length) {
        check("the punching of a hole");
        if (!uses.beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            return punchRange(offset, length);
        } finally {
            uses.unuse();
        }
    }

    /** Checks the arguments in the order of {@code vfs_fallocate}. */
    private long punchRange(long offset, long length) {
        if (offset < 0 || length <= 0) {
            return Errno.EINVAL.result();
        } else if (!isWritable) {
            return Errno.EBADF.result();
        }
        return offset + length < 0 ? Errno.EFBIG.result() : inode.bytes().punch(offset, length);
    }

    /**
     * Sets bytes to zero like {@link #punch}, for a mapping that uses this open ({@code vfs_fallocate} in {@code
     * madvise_remove}). The owner may already have closed the open.
     */
    public long punchMapped(long offset, long length) {
        check("the punching of a hole");
        return isWritable ? inode.bytes().punch(offset, length) : Errno.EBADF.result();
    }

    @Override
    public long revalidate() {
        check("a check of a file");
        if (!uses.beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            return inode.size().revalidate();
        } finally {
            uses.unuse();
        }
    }

    @Override
    public long absentPages(long offset, long length) {
        long end = offset + length;
        if (offset < 0 || length < 0 || end < 0) {
            return Errno.EINVAL.result();
        }
        FilePages pages = inode.pages();
        long first = offset >>> pageShift;
        long last = Math.min((end - 1) >>> pageShift, pages.pages() - 1);
        return length == 0 || first > last ? 0 : last - first + 1 - pages.countPages(first, last);
    }

    @Override
    public List<DirtyRange> dirtyRanges(long offset, long length) {
        check("a list of dirty pages");
        if (offset < 0 || length < 0) {
            throw new IllegalArgumentException("offset " + offset + " or length " + length + " is negative");
        }
        if (length == 0 || !uses.beginCall()) {
            return List.of();
        }
        try {
            long last = offset + length < 0 ? Long.MAX_VALUE : offset + length - 1;
            return DirtyRuns.of(inode, offset >>> pageShift, last >>> pageShift).ranges();
        } finally {
            uses.unuse();
        }
    }

    @Override
    public long fadvise(long offset, long length, int kind) {
        check("advice about a file");
        if (!uses.beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            return advice.give(offset, length, kind);
        } finally {
            uses.unuse();
        }
    }

    /**
     * Locks a range for a channel of this open; see {@link ChannelLocks}.
     *
     * @param waits whether to wait for other processes, by retrying: the host would wait uninterruptibly, and a close
     *     of the channel would wait for it
     * @return null if another process has a lock that excludes this one, and the call does not wait
     */
    @Nullable
    FileLock lock(FileChannel by, long offset, long length, boolean isShared, boolean waits) throws IOException {
        check("a lock of a file");
        ChannelLocks.ChannelLock lock = create(by, offset, length, isShared);
        boolean isLocked = false;
        try {
            isLocked = acquire(lock);
            while (!isLocked && waits) {
                LockSupport.parkNanos(by, LOCK_PAUSE);
                if (!by.isOpen()) {
                    throw new AsynchronousCloseException();
                }
                if (Thread.currentThread().isInterrupted()) {
                    throw new FileLockInterruptionException();
                }
                isLocked = acquire(lock);
            }
            return isLocked ? lock : null;
        } finally {
            if (!isLocked) {
                inode.locks().abandon(lock);
            }
        }
    }

    private ChannelLocks.ChannelLock create(FileChannel by, long offset, long length, boolean isShared)
            throws ClosedChannelException {
        if (!uses.beginCall()) {
            throw new ClosedChannelException();
        }
        try {
            return inode.locks().create(by, offset, length, isShared);
        } finally {
            uses.unuse();
        }
    }

    private boolean acquire(ChannelLocks.ChannelLock lock) throws IOException {
        if (!uses.beginCall()) {
            throw new ClosedChannelException();
        }
        try {
            return inode.locks().acquire(lock);
        } finally {
            uses.unuse();
        }
    }

    /** Releases the locks of a channel of this open that is being closed, and ends the owner's use of this open. */
    void close(FileChannel by) throws IOException {
        try {
            inode.locks().releaseAll(by);
        } finally {
            close();
        }
    }

    @Override
    public FileChannel channel() {
        return new HostFileChannel(this);
    }

    @Override
    public VmOperations operations() {
        return operations;
    }

    @Override
    public PageCache pageCache() {
        return inode.pages();
    }

    FilePages saved() {
        return inode.saved();
    }

    @Override
    public boolean writable() {
        return isWritable;
    }

    @Override
    public int major() {
        return identity.major();
    }

    @Override
    public int minor() {
        return identity.minor();
    }

    @Override
    public long inode() {
        return identity.inode();
    }

    @Override
    public String name() {
        return name;
    }
}

// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.SharedSegment;
import java.nio.ByteBuffer;
import java.util.StringJoiner;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The calls of an {@link AddressSpace} in the form that throws. Each method makes the call of its name. If the call
 * returns a negated errno, the method throws an {@link MmException} that names the call and its arguments.
 */
public final class ThrowingCalls {
    private final AddressSpace space;

    ThrowingCalls(AddressSpace space) {
        this.space = space;
    }

    private static long check(long result, String call, long... arguments) {
        return check(null, result, call, arguments);
    }

    private static long check(@Nullable PendingCall pending, long result, String call, long... arguments) {
        if (!Errno.isError(result)) {
            return result;
        }
        StringJoiner text = new StringJoiner(", ", call + "(", ")");
        for (long argument : arguments) {
            text.add("0x" + Long.toHexString(argument));
        }
        throw new MmException(text.toString(), Errno.of(result), pending);
    }

    /**
     * Maps memory; see {@link AddressSpace#mmap}.
     *
     * @param address the requested address
     * @param length bytes
     * @param protection the rights
     * @param flags the kind of the mapping
     * @param backing the object to map
     * @param offset byte offset in the backing
     * @return the address
     */
    public long mmap(long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        long result = space.mmap(address, length, protection, flags, backing, offset);
        return check(result, "mmap", address, length, protection, flags, offset);
    }

    /**
     * Unmaps a range; see {@link AddressSpace#munmap}.
     *
     * @param start a page boundary
     * @param length bytes
     */
    public void munmap(long start, long length) {
        check(space.munmap(start, length), "munmap", start, length);
    }

    /**
     * Changes rights; see {@link AddressSpace#mprotect}.
     *
     * @param start a page boundary
     * @param length bytes
     * @param protection the new rights
     */
    public void mprotect(long start, long length, int protection) {
        check(space.mprotect(start, length, protection), "mprotect", start, length, protection);
    }

    /**
     * Resizes or moves mappings; see {@link AddressSpace#mremap}.
     *
     * @param address a page boundary
     * @param oldLength bytes
     * @param newLength bytes
     * @param flags the kind of the move
     * @param newAddress the new address
     * @return the new address of the mapping
     */
    public long mremap(long address, long oldLength, long newLength, int flags, long newAddress) {
        long result = space.mremap(address, oldLength, newLength, flags, newAddress);
        return check(result, "mremap", address, oldLength, newLength, flags, newAddress);
    }

    /**
     * Moves the end of the heap; see {@link AddressSpace#brk}.
     *
     * @param address the requested end; 0 to only return the present end
     * @return the end of the heap
     * @throws MmException with ENOMEM if the heap does not end at {@code address}; with the error of the call otherwise
     */
    public long brk(long address) {
        long result = space.brk(address);
        boolean isDone = address == 0 || result == address || Errno.isError(result);
        return check(isDone ? result : Errno.ENOMEM.result(), "brk", address);
    }

    /**
     * Makes all CPUs that run guest code in the space execute a full fence; see {@link AddressSpace#membarrier}.
     *
     * @throws MmException if the call fails
     */
    public void membarrier() {
        check(space.membarrier(), "membarrier");
    }

    /**
     * Gives advice; see {@link AddressSpace#madvise}.
     *
     * @param start a page boundary
     * @param length bytes
     * @param advice the advice
     */
    public void madvise(long start, long length, int advice) {
        check(space.madvise(start, length, advice), "madvise", start, length, advice);
    }

    /**
     * Locks memory; see {@link AddressSpace#mlock}.
     *
     * @param start any address
     * @param length bytes
     */
    public void mlock(long start, long length) {
        check(space.mlock(start, length), "mlock", start, length);
    }

    /**
     * Locks memory; see {@link AddressSpace#mlock2}.
     *
     * @param start any address
     * @param length bytes
     * @param flags the kind of locking
     */
    public void mlock2(long start, long length, int flags) {
        check(space.mlock2(start, length, flags), "mlock2", start, length, flags);
    }

    /**
     * Unlocks memory; see {@link AddressSpace#munlock}.
     *
     * @param start any address
     * @param length bytes
     */
    public void munlock(long start, long length) {
        check(space.munlock(start, length), "munlock", start, length);
    }

    /**
     * Locks all mappings; see {@link AddressSpace#mlockall}.
     *
     * @param flags the mappings to lock, and the kind of locking
     */
    public void mlockall(int flags) {
        check(space.mlockall(flags), "mlockall", flags);
    }

    /** Unlocks all mappings; see {@link AddressSpace#munlockall}. */
    public void munlockall() {
        check(space.munlockall(), "munlockall");
    }

    /**
     * Saves what was written through shared mappings; see {@link AddressSpace#msync}.
     *
     * @param start a page boundary
     * @param length bytes
     * @param flags the kind of writing
     */
    public void msync(long start, long length, int flags) {
        check(space.msync(start, length, flags), "msync", start, length, flags);
    }

    /**
     * Maps another part of a file; see {@link AddressSpace#remapFilePages}.
     *
     * @param start any address
     * @param length bytes
     * @param protection must be 0
     * @param pageOffset pages
     * @param flags {@link dev.samara.core.mman.Mman#NONBLOCK}, or 0
     */
    public void remapFilePages(long start, long length, int protection, long pageOffset, int flags) {
        long result = space.remapFilePages(start, length, protection, pageOffset, flags);
        check(result, "remapFilePages", start, length, protection, pageOffset, flags);
    }

    /**
     * Refuses memory that is writable and executable; see {@link AddressSpace#setMdwe}.
     *
     * @param bits {@code PR_MDWE_*} bits of {@link dev.samara.core.mman.Mman}
     */
    public void setMdwe(long bits) {
        check(space.setMdwe(bits), "setMdwe", bits);
    }

    /**
     * Names memory without a file; see {@link AddressSpace#setAnonymousName}.
     *
     * @param start a page boundary
     * @param length bytes
     * @param name the name; null to remove names
     */
    public void setAnonymousName(long start, long length, @Nullable String name) {
        check(space.setAnonymousName(start, length, name), "setAnonymousName", start, length);
    }

    /**
     * Seals mappings; see {@link AddressSpace#mseal}.
     *
     * @param start a page boundary
     * @param length bytes
     * @param flags must be 0
     */
    public void mseal(long start, long length, long flags) {
        check(space.mseal(start, length, flags), "mseal", start, length, flags);
    }

    /**
     * Stores which pages are in memory; see {@link AddressSpace#mincore}.
     *
     * @param start a page boundary
     * @param length bytes
     * @param vector receives 1 for each page that is in memory and 0 for each other page
     */
    public void mincore(long start, long length, byte[] vector) {
        check(space.mincore(start, length, vector), "mincore", start, length);
    }

    /**
     * Reports which pages of a range match a query; see {@link AddressSpace#pagemapScan}.
     *
     * @param scan the query
     * @param regions receives the first address, the end and the categories of each region; null to report none
     * @return the number of regions
     */
    public long pagemapScan(PageScan scan, long @Nullable [] regions) {
        return check(space.pagemapScan(scan, regions), "pagemapScan");
    }

    /**
     * Stores a word for each page of a range; see {@link AddressSpace#pagemap}.
     *
     * @param start a page boundary
     * @param length bytes
     * @param words receives the words
     * @return the number of words
     */
    public long pagemap(long start, long length, long[] words) {
        return check(space.pagemap(start, length, words), "pagemap", start, length);
    }

    /**
     * Attaches shared memory; see {@link AddressSpace#shmat}.
     *
     * @param segment the segment
     * @param address the requested address
     * @param flags the kind of the attachment
     * @return the address
     */
    public long shmat(@Nullable SharedSegment segment, long address, int flags) {
        return check(space.shmat(segment, address, flags), "shmat", address, flags);
    }

    /**
     * Detaches shared memory; see {@link AddressSpace#shmdt}.
     *
     * @param address the address of the attachment
     */
    public void shmdt(long address) {
        check(space.shmdt(address), "shmdt", address);
    }

    /**
     * Locks a System V segment; see {@link AddressSpace#shmLock}.
     *
     * @param segment the segment; null stands for an identifier that does not exist
     */
    public void shmLock(@Nullable SharedSegment segment) {
        check(space.shmLock(segment), "shmLock");
    }

    /**
     * Unlocks a System V segment; see {@link AddressSpace#shmUnlock}.
     *
     * @param segment the segment; null stands for an identifier that does not exist
     */
    public void shmUnlock(@Nullable SharedSegment segment) {
        check(space.shmUnlock(segment), "shmUnlock");
    }

    /**
     * Grows a stack; see {@link AddressSpace#growStack}.
     *
     * @param address the accessed address
     */
    public void growStack(long address) {
        check(space.growStack(address), "growStack", address);
    }

    private static PendingCall check(PendingCall call, String name, long... arguments) {
        check(call, call.result(), name, arguments);
        return call;
    }

    /**
     * Unmaps a range, and returns before the call is complete; see {@link AddressSpace#munmapAsync}.
     *
     * @param start a page boundary
     * @param length bytes
     * @return the completion of the call
     */
    public PendingCall munmapAsync(long start, long length) {
        return check(space.munmapAsync(start, length), "munmapAsync", start, length);
    }

    /**
     * Maps memory, and returns before the call is complete; see {@link AddressSpace#mmapAsync}.
     *
     * @param address the requested address
     * @param length bytes
     * @param protection the rights
     * @param flags the kind of the mapping
     * @param backing the object to map
     * @param offset byte offset in the backing
     * @return the address, and the completion of the call
     */
    public PendingCall mmapAsync(
            long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        PendingCall call = space.mmapAsync(address, length, protection, flags, backing, offset);
        return check(call, "mmapAsync", address, length, protection, flags, offset);
    }

    /**
     * Resizes or moves mappings, and returns before the call is complete; see {@link AddressSpace#mremapAsync}. A call
     * that fails after it has moved some of several mappings also throws, and {@link MmException#pending} completes
     * once these are at their new place.
     *
     * @param address a page boundary
     * @param oldLength bytes
     * @param newLength bytes
     * @param flags the kind of the move
     * @param newAddress the new address
     * @return the new address, and the completion of the call
     */
    public PendingCall mremapAsync(long address, long oldLength, long newLength, int flags, long newAddress) {
        PendingCall call = space.mremapAsync(address, oldLength, newLength, flags, newAddress);
        return check(call, "mremapAsync", address, oldLength, newLength, flags, newAddress);
    }

    /**
     * Collects written pages; see {@link AddressSpace#collectDirty}.
     *
     * @param start a page boundary
     * @param length bytes
     * @param sink receives the address of each page's first byte
     * @return the number of reported pages
     */
    public long collectDirty(long start, long length, LongConsumer sink) {
        return check(space.collectDirty(start, length, sink), "collectDirty", start, length);
    }

    /**
     * Collects accessed pages; see {@link AddressSpace#collectAccessed}.
     *
     * @param start a page boundary
     * @param length bytes
     * @param sink receives the address of each page's first byte
     * @return the number of reported pages
     */
    public long collectAccessed(long start, long length, LongConsumer sink) {
        return check(space.collectAccessed(start, length, sink), "collectAccessed", start, length);
    }

    /**
     * Reads bytes; see {@link AddressSpace#read(long, ByteBuffer)}.
     *
     * @param address of the first byte
     * @param target receives the bytes
     * @return the number of read bytes
     */
    public long read(long address, ByteBuffer target) {
        int length = target.remaining();
        return check(space.read(address, target), "read", address, length);
    }

    /**
     * Reads bytes; see {@link AddressSpace#read(long, byte[], int, int)}.
     *
     * @param address of the first byte
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length number of bytes
     * @return the number of read bytes
     */
    public long read(long address, byte[] target, int at, int length) {
        return check(space.read(address, target, at, length), "read", address, length);
    }

    /**
     * Writes bytes; see {@link AddressSpace#write(long, ByteBuffer)}.
     *
     * @param address of the first byte
     * @param source contains the bytes
     * @return the number of written bytes
     */
    public long write(long address, ByteBuffer source) {
        int length = source.remaining();
        return check(space.write(address, source), "write", address, length);
    }

    /**
     * Writes bytes; see {@link AddressSpace#write(long, byte[], int, int)}.
     *
     * @param address of the first byte
     * @param source contains the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @return the number of written bytes
     */
    public long write(long address, byte[] source, int at, int length) {
        return check(space.write(address, source, at, length), "write", address, length);
    }

    /**
     * Reads bytes regardless of their rights; see {@link AddressSpace#readForced(long, ByteBuffer)}.
     *
     * @param address of the first byte
     * @param target receives the bytes
     * @return the number of read bytes
     */
    public long readForced(long address, ByteBuffer target) {
        int length = target.remaining();
        return check(space.readForced(address, target), "readForced", address, length);
    }

    /**
     * Reads bytes regardless of their rights; see {@link AddressSpace#readForced(long, byte[], int, int)}.
     *
     * @param address of the first byte
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length number of bytes
     * @return the number of read bytes
     */
    public long readForced(long address, byte[] target, int at, int length) {
        return check(space.readForced(address, target, at, length), "readForced", address, length);
    }

    /**
     * Writes bytes regardless of the rights of private mappings; see {@link AddressSpace#writeForced(long,
     * ByteBuffer)}.
     *
     * @param address of the first byte
     * @param source contains the bytes
     * @return the number of written bytes
     */
    public long writeForced(long address, ByteBuffer source) {
        int length = source.remaining();
        return check(space.writeForced(address, source), "writeForced", address, length);
    }

    /**
     * Writes bytes regardless of the rights of private mappings; see {@link AddressSpace#writeForced(long, byte[], int,
     * int)}.
     *
     * @param address of the first byte
     * @param source contains the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @return the number of written bytes
     */
    public long writeForced(long address, byte[] source, int at, int length) {
        return check(space.writeForced(address, source, at, length), "writeForced", address, length);
    }

    /** Returns the space as text. */
    @Override
    public String toString() {
        return "throwing calls of " + space;
    }
}

// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.page.FrameRegion;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The base of {@link FlatMemory}, for accesses of every width. It translates addresses by the tags of the TLB, and
 * performs the accesses that miss the TLB.
 *
 * <p>The compiler of the JVM inlines a method that is not hot yet only if it has at most 35 bytes of bytecode. The
 * methods that are executed for a hit are not larger than this, and their calls nest at most two deep. For this reason
 * some methods of subclasses have a private second half, which takes its parameters in the order that needs the least
 * bytecode.
 *
 * <p>For the same reason the subclasses contain a separate method for each width and mode. A type parameter cannot be a
 * primitive type, and a call of a {@link java.lang.invoke.VarHandle} fixes the width and the mode. One method for the
 * three modes of a load would have 70 bytes of bytecode; a method for a single mode has 31. All widths share the
 * methods of this class for accesses that miss.
 */
@SuppressWarnings("ReachabilityFenceUsage") // a finally block is too large, and no access follows a throw
public abstract sealed class FlatAccess permits FlatBytes {
    private static final int PAGE_SHIFT = SoftTlb.GRANULE_SHIFT;
    private static final long PAGE_MASK = -1L << PAGE_SHIFT;

    /** A placeholder for the region, while no access can use it. */
    private static final MappedByteBuffer NO_REGION = (MappedByteBuffer) ByteBuffer.allocateDirect(0);

    /** Whether numbers are big-endian. */
    final boolean swapsBytes;

    long[] loadTags;
    long[] storeTags;
    long[] fetchTags;
    long[] addends;
    long[] fetchAddends;

    /**
     * The number of the space while the CPU is in GUEST. Each tag that matches contains this number in its low bits.
     */
    long key;

    /**
     * The bytes of the region, in the byte order of this memory. Calls of a VarHandle cast this field to ByteBuffer,
     * because they are slow with other types.
     */
    MappedByteBuffer region;

    private final GuestMemory memory;
    private final SoftTlb.Viewed viewed;
    private final TlbArrays tlb = new TlbArrays(this);

    /** The length of the arrays minus 1, read once for both arrays of an access. */
    private int mask;

    /** The TLB, whose second level contains more translations for loads and stores. Set by the constructor. */
    private SoftTlb second;

    private @Nullable CpuState requests;

    /**
     * The bytes of all frames, by physical address; null if the frames are in an embedder's store, or if no tag can
     * match.
     */
    private @Nullable FrameRegion frames;

    /** Receives the arrays and the state of the CPU's TLB. */
    private final class TlbFields implements SoftTlb.View {
        private final ByteOrder order;

        TlbFields(ByteOrder order) {
            this.order = order;
        }

        @Override
        public void arrays(
                long[] loads,
                long[] stores,
                long[] offsets,
                long[] fetches,
                long[] fetchOffsets,
                @Nullable FrameRegion of) {
            loadTags = loads;
            storeTags = stores;
            addends = offsets;
            fetchTags = fetches;
            fetchAddends = fetchOffsets;
            mask = loads.length - 1;
            frames = of;
            MappedByteBuffer bytes = of == null ? null : of.region();
            region = bytes == null
                    ? NO_REGION
                    : (MappedByteBuffer) bytes.duplicate().order(order);
        }

        @Override
        public void second(SoftTlb of) {
            second = of;
        }

        @Override
        public void requests(@Nullable CpuState state) {
            requests = state;
        }

        @Override
        public void key(long next) {
            key = next;
        }
    }

    /** Only for {@link FlatMemory}. */
    FlatAccess(GuestMemory memory, ByteOrder order) {
        this.memory = memory;
        viewed = (SoftTlb.Viewed) memory;
        swapsBytes = Objects.requireNonNull(order, "order") == ByteOrder.BIG_ENDIAN;
        loadTags = storeTags = addends = fetchTags = fetchAddends = new long[0];
        second = SoftTlb.NONE;
        region = NO_REGION;
        viewed.view(new TlbFields(order), order);
    }

    /**
     * Handles a failed access. If this method returns, the access is retried; if it throws, the access throws the same
     * exception. The CPU is in GUEST if it was in GUEST when the access started; this method may leave GUEST, but must
     * enter it again before it returns.
     *
     * @param fault a {@link Fault} other than {@link Fault#NONE}
     * @param address the address at which the access failed; if the access crosses a page boundary, an address in the
     *     page that failed
     * @param access {@link Protection#READ}, {@link Protection#WRITE} or {@link Protection#EXEC} for a fetch; WRITE
     *     also for an atomic update, which needs both rights
     * @param size the size of the access in bytes
     */
    protected abstract void fault(int fault, long address, int access, int size);

    /**
     * Returns the memory of the CPU, for all other accesses.
     *
     * @return the memory, always the same object
     */
    public final GuestMemory memory() {
        return memory;
    }

    /**
     * Returns the arrays that generated code reads.
     *
     * @return the arrays, always the same object
     */
    @Experimental
    public final TlbArrays tlb() {
        return tlb;
    }

    /**
     * Acknowledges changes by other threads, as {@link dev.samara.core.Cpu#poll} does. Without a change, this only
     * reads one word, and checks neither the thread nor the state of the CPU.
     *
     * @return whether there was a change: generated code that keeps translations must then drop them
     * @throws IllegalStateException if the CPU is not in GUEST, or not owned by the caller, and there is a change or
     *     the CPU was never in a space
     */
    public final boolean poll() {
        CpuState of = requests;
        if (of != null && !of.isPending()) {
            return false;
        }
        viewed.poll();
        return true;
    }

    /**
     * Translates an address for an embedder that caches translations itself, e.g. in a TLB for guest-virtual addresses.
     * The result is the index of the byte in the {@linkplain TlbArrays#region region} of {@link #tlb}. The other bytes
     * of the {@linkplain dev.samara.core.vma.Geometry#pageSize page} are around it in the same order. A translation for
     * writing may also be used for reads.
     *
     * <p>Accesses no memory and calls no listener; never faults, never waits and stays in GUEST. Nevertheless the page
     * counts as accessed from then on, and as written if the translation is for writing. This may happen even if the
     * result is -1.
     *
     * <p>The result is -1 if an access through the region is not possible now: the page is not in memory, or does not
     * have the right before a fault copies it; it is {@linkplain dev.samara.core.AddressSpace#watch watched} for such
     * an access; it may be written but not {@linkplain dev.samara.core.vma.ProtectionMap read}; its frame is outside
     * the first region; pages are smaller than 4 KiB; or the machine is {@linkplain
     * dev.samara.core.MachineBuilder#checked checked}. The caller then performs the access by a method of this class,
     * which handles the fault and reports a failure. For the next access to the page, the caller may call this method
     * again.
     *
     * <p><b>How long the result is valid.</b> It may be used in GUEST only. It becomes invalid when a {@linkplain
     * dev.samara.core.Cpu#onFlush flush listener} of this CPU is called for a range that contains the address, and when
     * the CPU goes to another space: at {@link dev.samara.core.Cpu#switchTo}, {@link dev.samara.core.Cpu#exec}, {@link
     * dev.samara.core.Cpu#use} and {@link dev.samara.core.Cpu#tryUse}, and when a borrow that one of the latter two
     * started ends. So an embedder that keeps results first registers a listener, which drops the results in its range;
     * and it drops all results whenever it moves the CPU. The listener is called for each operation that changes the
     * page or revokes a right to it: {@code munmap}, {@code mprotect}, {@code mremap}, {@code madvise}, fork, a copy of
     * the page on write by any CPU, truncation, eviction, a new watchpoint, a collection of dirty pages. The thread of
     * this CPU calls the listener: in {@link #poll}, in an access or another call that handles a fault, or when the CPU
     * enters GUEST. While the CPU is in GUEST, operations of other threads wait for this call.
     *
     * @param address any address
     * @param access {@link Protection#READ}, {@link Protection#WRITE}, or {@link Protection#EXEC} for a fetch
     * @return the index, or -1
     * @throws IllegalArgumentException if {@code access} is not one of the three
     * @throws IllegalStateException if the CPU is not in GUEST, or not owned by the caller
     */
    @Experimental
    public final int translate(long address, int access) {
        if (access != Protection.READ && access != Protection.WRITE && access != Protection.EXEC) {
            throw new IllegalArgumentException("access " + access + " is not READ, WRITE or EXEC");
        }
        return (int) viewed.translate(address, access);
    }

    /**
     * Returns the index in the region for an access, or a negative number if the access misses.
     *
     * @param last the size of the access, minus 1
     */
    final int indexOf(long[] tags, long address, int last) {
        return tags[(int) (address >>> PAGE_SHIFT) & mask] == tag(address + last) ? index(address) : -1;
    }

    /**
     * Returns whether an access hits.
     *
     * @param last the size of the access, minus 1
     */
    final boolean hits(long[] tags, long address, int last) {
        return tags[(int) (address >>> PAGE_SHIFT) & mask] == tag(address + last);
    }

    /** Returns the index in the region for a fetch that hits. */
    final int fetchIndex(long address) {
        return (int) (fetchAddends[(int) (address >>> PAGE_SHIFT) & mask] + address);
    }

    private long tag(long last) {
        return (last & PAGE_MASK) | key;
    }

    /** Returns the index in the region for an access, or a negative number if the access misses or is not aligned. */
    final int alignedIndexOf(long[] tags, long address, int last) {
        return tags[(int) (address >>> PAGE_SHIFT) & mask] == alignedTag(address, last) ? index(address) : -1;
    }

    private long alignedTag(long address, int last) {
        return (address & last) == 0 ? (address & PAGE_MASK) | key : SoftTlb.NOTHING;
    }

    /** Returns the index in the region for a load or store that hits. */
    final int index(long address) {
        return (int) (addends[(int) (address >>> PAGE_SHIFT) & mask] + address);
    }

    // An access that hits ends with a reachability fence, because it may be the last use of the CPU by its thread, in
    // GUEST. If the CPU became unreachable before the access, it could be taken offline, and the page could be freed.

    /** Returns the result of an access that hits, and keeps the CPU reachable until then. */
    final int fenced(int result) {
        Reference.reachabilityFence(this);
        return result;
    }

    /** Returns the result of an access that hits, and keeps the CPU reachable until then. */
    final long fenced(long result) {
        Reference.reachabilityFence(this);
        return result;
    }

    /** Returns the result of an access that hits, and keeps the CPU reachable until then. */
    final boolean fenced(boolean result) {
        Reference.reachabilityFence(this);
        return result;
    }

    // The accesses that miss. Methods that call hasFailed are not on a fast path. An access is retried if fault()
    // returns.

    /** Returns whether an access failed. If so, calls {@link #fault} first. */
    private boolean hasFailed(int result, int access, int size) {
        if (result == Fault.NONE) {
            return false;
        }
        fault(result, memory.faultAddress(), access, size);
        return true;
    }

    final long load(long address, int size) {
        long physical = find(loadTags, addends, address, size - 1, Protection.READ);
        return physical >= 0 ? fenced(get(physical, size)) : loadSlowly(address, size);
    }

    private long loadSlowly(long address, int size) {
        long physical = walk(address, size - 1, Protection.READ);
        if (physical >= 0) {
            return fenced(get(physical, size));
        }
        while (hasFailed(memory.load(address, size), Protection.READ, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    final long fetch(long address, int size) {
        long physical = find(fetchTags, fetchAddends, address, size - 1, Protection.EXEC);
        return physical >= 0 ? fenced(get(physical, size)) : fetchSlowly(address, size);
    }

    private long fetchSlowly(long address, int size) {
        long physical = walk(address, size - 1, Protection.EXEC);
        if (physical >= 0) {
            return fenced(get(physical, size));
        }
        while (hasFailed(memory.fetch(address, size), Protection.EXEC, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    final void store(long address, int size, long value) {
        long physical = find(storeTags, addends, address, size - 1, Protection.WRITE);
        if (physical >= 0) {
            put(physical, size, value);
            Reference.reachabilityFence(this);
        } else {
            storeSlowly(address, size, value);
        }
    }

    private void storeSlowly(long address, int size, long value) {
        long physical = walk(address, size - 1, Protection.WRITE);
        if (physical >= 0) {
            put(physical, size, value);
            Reference.reachabilityFence(this);
            return;
        }
        while (hasFailed(memory.store(address, size, value), Protection.WRITE, size)) {
            // fault() returned, so retry.
        }
    }

    final void storePair(long address, long first, long second) {
        while (hasFailed(memory.storePair(address, first, second), Protection.WRITE, 2 * Long.BYTES)) {
            // fault() returned, so retry.
        }
    }

    /**
     * Translates an access that misses the region's tags: by a TLB entry of a frame outside the region, by the second
     * level of the TLB or, in the usual case, by refilling the TLB from the page table. {@link #walk} handles all other
     * cases, so that the JVM can inline this method into its caller.
     *
     * @return the physical address, or {@link SoftTlb#MISS}
     */
    private long find(long[] tags, long[] offsets, long address, int last, int access) {
        if (!mayTranslate(address, last)) {
            return SoftTlb.MISS;
        }
        int slot = (int) (address >>> PAGE_SHIFT) & mask;
        if ((tags[slot] ^ tag(address)) == SoftTlb.ELSEWHERE) {
            return offsets[slot] + address;
        }
        int found = second.findSecond(address >>> PAGE_SHIFT, tag(address), SoftTlb.rights(access));
        return found >= 0 ? promote(found, slot) + address : viewed.refill(address, access);
    }

    /** Copies a translation of the second level to the first one; returns its addend. */
    private long promote(int found, int slot) {
        // Checked here as before a walk, because another thread must not write to the TLB.
        viewed.checkOwner();
        return second.promote(found, slot);
    }

    /** Translates an access for which {@link #find} found no translation, by a complete walk of the page table. */
    private long walk(long address, int last, int access) {
        viewed.comeBack();
        return mayTranslate(address, last) ? viewed.walk(address, access) : SoftTlb.MISS;
    }

    private boolean mayTranslate(long address, int last) {
        // An access that crosses a page boundary looks up and counts its pages itself. An embedder's store is not
        // accessible from here.
        return ((address ^ address + last) & PAGE_MASK) == 0 && frames != null;
    }

    private long get(long physical, int size) {
        FrameRegion of = Objects.requireNonNull(frames);
        long number = of.get(physical, size);
        return swapsBytes ? Long.reverseBytes(number) >>> (Long.SIZE - size * Byte.SIZE) : number;
    }

    private void put(long physical, int size, long value) {
        FrameRegion of = Objects.requireNonNull(frames);
        of.put(physical, size, swapsBytes ? Long.reverseBytes(value) >>> (Long.SIZE - size * Byte.SIZE) : value);
    }

    final long loadVolatile(long address, int size) {
        while (hasFailed(memory.loadVolatile(address, size), Protection.READ, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    final void storeVolatile(long address, int size, long value) {
        while (hasFailed(memory.storeVolatile(address, size, value), Protection.WRITE, size)) {
            // fault() returned, so retry.
        }
    }

    final boolean compareAndSet(long address, int size, long expected, long value) {
        while (hasFailed(memory.compareAndSet(address, size, expected, value), Protection.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value() != 0;
    }

    final long compareAndExchange(long address, int size, long expected, long value) {
        while (hasFailed(memory.compareAndExchange(address, size, expected, value), Protection.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    final long getAndAdd(long address, int size, long delta) {
        while (hasFailed(memory.getAndAdd(address, size, delta), Protection.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    final long getAndSet(long address, int size, long value) {
        while (hasFailed(memory.getAndSet(address, size, value), Protection.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    final long getAndBitwiseAnd(long address, int size, long mask) {
        while (hasFailed(memory.getAndBitwiseAnd(address, size, mask), Protection.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    final long getAndBitwiseOr(long address, int size, long mask) {
        while (hasFailed(memory.getAndBitwiseOr(address, size, mask), Protection.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    final long getAndBitwiseXor(long address, int size, long mask) {
        while (hasFailed(memory.getAndBitwiseXor(address, size, mask), Protection.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }
}

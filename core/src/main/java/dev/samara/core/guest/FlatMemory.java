// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.page.Frames.FrameRegion;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a CPU for an interpreter or for generated code: an access is one call, which takes an address and
 * returns the number. If the TLB contains the translation, the access consists of one comparison of a tag, one addition
 * and one access to a buffer, besides the JVM's bounds checks, and the JVM's compiler inlines it. The {@link
 * GuestMemory} of the CPU performs the other accesses, under the rules of that class. Outside GUEST, each access enters
 * GUEST for its duration. In a machine's regions after the first one ({@link dev.samara.core.MachineBuilder#memory}), a
 * plain access takes a second comparison, and {@code GuestMemory} performs ordered accesses. With pages smaller than 4
 * KiB, it performs all accesses.
 *
 * <p>An embedder extends this class once, and creates one object for each CPU. A failed access calls {@link #fault},
 * the only method to override. Usually that method throws a preallocated exception to the loop of the interpreter,
 * which delivers a signal. If it returns, the access is retried, as an instruction is restarted after a page fault.
 *
 * <p><b>Forms.</b> The names and the memory ordering are those of {@link java.lang.invoke.VarHandle}.
 *
 * <ul>
 *   <li>{@code loadInt}, {@code storeInt} and {@code fetchInt} are plain, and need not be aligned. Between two polls
 *       the compiler may repeat, merge or reorder the plain accesses of one thread as the Java memory model permits.
 *   <li>{@code loadFloat}, {@code storeFloat}, {@code loadDouble} and {@code storeDouble} are plain accesses of the
 *       same width to the bits of the number. For other forms, convert the integer with these bits, e.g. {@code
 *       Float.intBitsToFloat(loadIntAcquire(address))}.
 *   <li>{@code loadIntOpaque}, {@code loadIntAcquire} and {@code loadIntVolatile}, {@code storeIntOpaque}, {@code
 *       storeIntRelease} and {@code storeIntVolatile} are ordered.
 *   <li>{@code compareAndSetInt}, {@code compareAndExchangeInt}, {@code getAndAddInt}, {@code getAndSetInt}, {@code
 *       getAndBitwiseAndInt}, {@code getAndBitwiseOrInt} and {@code getAndBitwiseXorInt} are atomic updates, with the
 *       order of volatile accesses. They require the rights to read and to write, and fail as a write does. A handler
 *       that calls {@link dev.samara.core.AddressSpace#resolve} for one of them must pass both rights, because MIPS
 *       memory may be writable but not readable ({@link dev.samara.core.vma.ProtectionMap}).
 *   <li>{@code loadReservedIntOpaque}, {@code loadReservedIntVolatile} and {@code storeConditionalInt}, and the methods
 *       for eight bytes, are load-reserved and store-conditional, with the reservation that the CPU's {@link
 *       GuestMemory} keeps.
 *   <li>Fences are the static methods of VarHandle: {@code fullFence}, {@code acquireFence}, {@code releaseFence},
 *       {@code loadLoadFence} and {@code storeStoreFence}. They order the accesses of this class like all other
 *       accesses.
 * </ul>
 *
 * <p>The address of an ordered access or update must be a multiple of its size. Otherwise it fails with {@link
 * dev.samara.core.mman.Fault#ADRALN}, and nothing is accessed. An access that misses may be ordered more strongly than
 * its form requires. The {@linkplain dev.samara.core.guest package description} contains a table of the forms that the
 * accesses of guest architectures need.
 *
 * <p><b>Reservations and ABA.</b> A load-reserved records address, size and number, and a store-conditional is a
 * compare-and-set of that number. It writes only if address and size equal those of the last load-reserved, no other
 * store-conditional has been executed since, and memory contains the number that was read. So it fails after another
 * CPU has stored a different number, but not after a store of the same number, nor after the number was changed and
 * restored (ABA). Hardware also fails there: "The SC must fail if a store to the reservation set from another hart can
 * be observed to occur between the LR and SC" (RISC-V, Zalrsc). QEMU compares numbers in the same way ({@code gen_sc}
 * in {@code target/riscv/insn_trans/trans_rva.c.inc}). Code that is correct with a compare-and-set is correct here:
 * locks, counters, the atomic operations of C and C++. Code that relies on the stricter rule is not correct here, e.g.
 * a lock-free stack that reuses its nodes and whose head contains no version number.
 *
 * <p>A store-conditional and {@link GuestMemory#clearReservation} end the reservation, and so does the CPU's change to
 * another space. The embedder must clear the reservation wherever the guest's processor or kernel does: at exceptions
 * and signals, at the return from them, and before another thread of the guest continues on the CPU.
 *
 * <p><b>Tearing.</b> An aligned access of any form does not tear, provided that the store of the machine's frames
 * supports accesses of its width; on a 32-bit JVM, a plain access of eight bytes may be split in two. A plain access
 * that is not aligned may be performed byte by byte, in any order, so another CPU may see only some of its bytes
 * changed. Accesses of different widths to the same bytes are coherent. An ordered access or update of one or two bytes
 * may read the aligned four bytes that contain them, and write the four bytes if they have not changed.
 *
 * <p>Only the owner of the CPU may call these methods. For speed, an access that hits does not check its thread. On a
 * {@linkplain dev.samara.core.MachineBuilder#checked checked} machine no access hits, and each one is checked.
 */
@SuppressWarnings("ReachabilityFenceUsage") // a finally block is too large, and no access follows a throw
public abstract class FlatMemory {
    // 1. The compiler of the JVM inlines a method that is not hot yet only if it has at most 35 bytes of bytecode. The
    //    methods that are executed for a hit are not larger than this, and their calls nest at most two deep. For this
    //    reason some accesses have a private second half, which takes its parameters in the order that needs the least
    //    bytecode.
    // 2. For the same reason there is a separate method for each width and mode. A type parameter cannot be a primitive
    //    type, and a call of a VarHandle fixes the width and the mode. One method for the three modes of a load would
    //    have 70 bytes of bytecode; a method for a single mode has 31. All widths share the methods for accesses that
    //    miss, at the end of this class.
    // 3. An access that hits ends with a reachability fence, because it may be the last use of the CPU by its thread,
    //    in GUEST. If the CPU became unreachable before the access, it could be taken offline, and the page could be
    //    freed.

    private static final int PAGE_SHIFT = SoftTlb.GRANULE_SHIFT;
    private static final long PAGE_MASK = -1L << PAGE_SHIFT;

    /** A placeholder for the region, while no access can use it. */
    private static final MappedByteBuffer NO_REGION = (MappedByteBuffer) ByteBuffer.allocateDirect(0);

    /**
     * Written: guests, by stores (opaque; release; volatile).
     * Read: guests, by loads (opaque; acquire; volatile).
     * Invariant: the bytes of frames, while the CPU is in GUEST; the guest determines the order of its accesses.
     */
    private static final VarHandle LITTLE_SHORTS =
            MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    /**
     * Written: guests, by stores (opaque; release; volatile) and updates (compare-and-set; compare-and-exchange;
     *     get-and-add; get-and-set; get-and-and; get-and-or; get-and-xor).
     * Read: guests, by loads (opaque; acquire; volatile).
     * Invariant: the bytes of frames, while the CPU is in GUEST; the guest determines the order of its accesses.
     */
    private static final VarHandle LITTLE_INTS =
            MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    /**
     * Written: guests whose numbers are big-endian, by additions (get-and-add).
     * Read: nothing: such guests load by {@code LITTLE_INTS}, and reverse the bytes.
     * Invariant: the bytes of frames, while the CPU is in GUEST.
     */
    private static final VarHandle BIG_INTS = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);

    /**
     * Written: guests, by stores (opaque; release; volatile) and updates (compare-and-set; compare-and-exchange;
     *     get-and-add; get-and-set; get-and-and; get-and-or; get-and-xor).
     * Read: guests, by loads (opaque; acquire; volatile).
     * Invariant: the bytes of frames, while the CPU is in GUEST; the guest determines the order of its accesses.
     */
    private static final VarHandle LITTLE_LONGS =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /**
     * Written: guests whose numbers are big-endian, by additions (get-and-add).
     * Read: nothing: such guests load by {@code LITTLE_LONGS}, and reverse the bytes.
     * Invariant: the bytes of frames, while the CPU is in GUEST.
     */
    private static final VarHandle BIG_LONGS =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    /** Whether numbers are big-endian. */
    private final boolean swapsBytes;

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

    @SuppressWarnings("this-escape") // the arrays only store the reference
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

    /**
     * Creates the object for a CPU.
     *
     * @param memory the memory of the CPU, which the thread owns; its byte order becomes {@code order}
     * @param order the byte order of numbers
     * @throws IllegalStateException if the CPU already has an object of this class, or is not owned by the caller
     */
    protected FlatMemory(GuestMemory memory, ByteOrder order) {
        this.memory = memory;
        viewed = (SoftTlb.Viewed) memory;
        swapsBytes = Objects.requireNonNull(order, "order") == ByteOrder.BIG_ENDIAN;
        loadTags = storeTags = addends = fetchTags = fetchAddends = new long[0];
        second = SoftTlb.NONE;
        region = NO_REGION;
        viewed.view(new TlbFields(order), order);
        memory.flat = this;
    }

    /**
     * Handles a failed access. If this method returns, the access is retried; if it throws, the access throws the same
     * exception. The CPU is in GUEST if it was in GUEST when the access started; this method may leave GUEST, but must
     * enter it again before it returns.
     *
     * @param fault a {@link Fault} other than {@link Fault#NONE}
     * @param address the address at which the access failed; if the access crosses a page boundary, an address in the
     *     page that failed
     * @param access {@link Mman#READ}, {@link Mman#WRITE} or {@link Mman#EXEC} for a fetch; WRITE
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
     * page or revokes a right to it: {@code munmap}, {@code mprotect}, {@code mremap}, {@code madvise}, fork, a
     * checkpoint, its restore and its end, a copy of the page on write by any CPU, truncation, eviction, a new
     * watchpoint, a collection of dirty pages. Results are dropped for every reason. The thread of this CPU calls the
     * listener: in {@link #poll}, in an access or another call that handles a fault, or when the CPU enters GUEST.
     * While the CPU is in GUEST, operations of other threads wait for this call.
     *
     * @param address any address
     * @param access {@link Mman#READ}, {@link Mman#WRITE}, or {@link Mman#EXEC} for a fetch
     * @return the index, or -1
     * @throws IllegalArgumentException if {@code access} is not one of the three
     * @throws IllegalStateException if the CPU is not in GUEST, or not owned by the caller
     */
    @Experimental
    public final int translate(long address, int access) {
        if (access != Mman.READ && access != Mman.WRITE && access != Mman.EXEC) {
            throw new IllegalArgumentException("access " + access + " is not READ, WRITE or EXEC");
        }
        return (int) viewed.translate(address, access);
    }

    /**
     * Returns the index in the region for an access, or a negative number if the access misses.
     *
     * @param last the size of the access, minus 1
     */
    private int indexOf(long[] tags, long address, int last) {
        return tags[(int) (address >>> PAGE_SHIFT) & mask] == tag(address + last) ? index(address) : -1;
    }

    /**
     * Returns whether an access hits.
     *
     * @param last the size of the access, minus 1
     */
    private boolean hits(long[] tags, long address, int last) {
        return tags[(int) (address >>> PAGE_SHIFT) & mask] == tag(address + last);
    }

    /** Returns the index in the region for a fetch that hits. */
    private int fetchIndex(long address) {
        return (int) (fetchAddends[(int) (address >>> PAGE_SHIFT) & mask] + address);
    }

    private long tag(long last) {
        return (last & PAGE_MASK) | key;
    }

    /** Returns the index in the region for an access, or a negative number if the access misses or is not aligned. */
    private int alignedIndexOf(long[] tags, long address, int last) {
        return tags[(int) (address >>> PAGE_SHIFT) & mask] == alignedTag(address, last) ? index(address) : -1;
    }

    private long alignedTag(long address, int last) {
        return (address & last) == 0 ? (address & PAGE_MASK) | key : SoftTlb.NOTHING;
    }

    /** Returns the index in the region for a load or store that hits. */
    private int index(long address) {
        return (int) (addends[(int) (address >>> PAGE_SHIFT) & mask] + address);
    }

    /** Returns the result of an access that hits, and keeps the CPU reachable until then. */
    private int fenced(int result) {
        Reference.reachabilityFence(this);
        return result;
    }

    /** Returns the result of an access that hits, and keeps the CPU reachable until then. */
    private long fenced(long result) {
        Reference.reachabilityFence(this);
        return result;
    }

    /** Returns the result of an access that hits, and keeps the CPU reachable until then. */
    private boolean fenced(boolean result) {
        Reference.reachabilityFence(this);
        return result;
    }

    // One byte. The JVM provides no ordered accesses to single bytes of a buffer, so the GuestMemory of the CPU
    // performs all accesses except plain ones.

    /**
     * Reads a byte.
     *
     * @param address of the byte
     * @return the number
     */
    public final byte loadByte(long address) {
        if (hits(loadTags, address, 0)) {
            return getByte(index(address));
        }
        return (byte) load(address, 1);
    }

    /**
     * Reads an instruction, or a part of one: a byte.
     *
     * @param address of the byte
     * @return the number
     */
    public final byte fetchByte(long address) {
        if (hits(fetchTags, address, 0)) {
            return getByte(fetchIndex(address));
        }
        return (byte) fetch(address, 1);
    }

    /**
     * Writes a byte.
     *
     * @param address of the byte
     * @param value the number
     */
    public final void storeByte(long address, byte value) {
        putByte(indexOf(storeTags, address, 0), address, value);
    }

    /** Performs a plain read that hits. */
    private byte getByte(int at) {
        byte number = region.get(at);
        Reference.reachabilityFence(this);
        return number;
    }

    private void putByte(int at, long address, byte value) {
        if (at >= 0) {
            region.put(at, value);
            Reference.reachabilityFence(this);
        } else {
            store(address, 1, value);
        }
    }

    /**
     * Reads a byte in opaque mode.
     *
     * @param address of the byte
     * @return the number
     */
    public final byte loadByteOpaque(long address) {
        return (byte) loadVolatile(address, 1);
    }

    /**
     * Reads a byte in acquire mode.
     *
     * @param address of the byte
     * @return the number
     */
    public final byte loadByteAcquire(long address) {
        return (byte) loadVolatile(address, 1);
    }

    /**
     * Reads a byte in volatile mode.
     *
     * @param address of the byte
     * @return the number
     */
    public final byte loadByteVolatile(long address) {
        return (byte) loadVolatile(address, 1);
    }

    /**
     * Writes a byte in opaque mode.
     *
     * @param address of the byte
     * @param value the number
     */
    public final void storeByteOpaque(long address, byte value) {
        storeVolatile(address, 1, value);
    }

    /**
     * Writes a byte in release mode.
     *
     * @param address of the byte
     * @param value the number
     */
    public final void storeByteRelease(long address, byte value) {
        storeVolatile(address, 1, value);
    }

    /**
     * Writes a byte in volatile mode.
     *
     * @param address of the byte
     * @param value the number
     */
    public final void storeByteVolatile(long address, byte value) {
        storeVolatile(address, 1, value);
    }

    /**
     * Writes a byte if it is equal to an expected number, atomically, in volatile mode.
     *
     * @param address of the byte
     * @param expected the number to compare with
     * @param value the new number
     * @return whether the number was equal, and the new one was written
     */
    public final boolean compareAndSetByte(long address, byte expected, byte value) {
        return compareAndSet(address, 1, expected, value);
    }

    /**
     * Writes a byte if it is equal to an expected number, atomically, in volatile mode.
     *
     * @param address of the byte
     * @param expected the number to compare with
     * @param value the new number
     * @return the old number; the new one was written if this is the expected one
     */
    public final byte compareAndExchangeByte(long address, byte expected, byte value) {
        return (byte) compareAndExchange(address, 1, expected, value);
    }

    /**
     * Adds to a byte atomically, in volatile mode.
     *
     * @param address of the byte
     * @param delta the number to add
     * @return the old number
     */
    public final byte getAndAddByte(long address, byte delta) {
        return (byte) getAndAdd(address, 1, delta);
    }

    /**
     * Replaces a byte atomically, in volatile mode.
     *
     * @param address of the byte
     * @param value the new number
     * @return the old number
     */
    public final byte getAndSetByte(long address, byte value) {
        return (byte) getAndSet(address, 1, value);
    }

    /**
     * Clears bits of a byte atomically, in volatile mode.
     *
     * @param address of the byte
     * @param mask the bits that are not cleared
     * @return the old number
     */
    public final byte getAndBitwiseAndByte(long address, byte mask) {
        return (byte) getAndBitwiseAnd(address, 1, mask);
    }

    /**
     * Sets bits of a byte atomically, in volatile mode.
     *
     * @param address of the byte
     * @param mask the bits that are set
     * @return the old number
     */
    public final byte getAndBitwiseOrByte(long address, byte mask) {
        return (byte) getAndBitwiseOr(address, 1, mask);
    }

    /**
     * Flips bits of a byte atomically, in volatile mode.
     *
     * @param address of the byte
     * @param mask the bits that are flipped
     * @return the old number
     */
    public final byte getAndBitwiseXorByte(long address, byte mask) {
        return (byte) getAndBitwiseXor(address, 1, mask);
    }

    // Two bytes. The JVM provides no atomic updates of two bytes of a buffer, so the GuestMemory of the CPU performs
    // these.

    /**
     * Converts a number between little-endian order and the order of this memory. Keeps the CPU reachable until the
     * access that read the number is complete.
     */
    private short ordered(short number) {
        Reference.reachabilityFence(this);
        return swapsBytes ? Short.reverseBytes(number) : number;
    }

    /**
     * Reads two bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final short loadShort(long address) {
        if (hits(loadTags, address, 1)) {
            return getShort(index(address));
        }
        return (short) load(address, 2);
    }

    /**
     * Reads an instruction, or a part of one: two bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final short fetchShort(long address) {
        if (hits(fetchTags, address, 1)) {
            return getShort(fetchIndex(address));
        }
        return (short) fetch(address, 2);
    }

    /**
     * Writes two bytes.
     *
     * @param address of the lowest byte
     * @param value the number
     */
    public final void storeShort(long address, short value) {
        putShort(indexOf(storeTags, address, 1), address, value);
    }

    /** Performs a plain read that hits. */
    private short getShort(int at) {
        short number = region.getShort(at);
        Reference.reachabilityFence(this);
        return number;
    }

    private void putShort(int at, long address, short value) {
        if (at >= 0) {
            region.putShort(at, value);
            Reference.reachabilityFence(this);
        } else {
            store(address, 2, value);
        }
    }

    /**
     * Reads two bytes in opaque mode.
     *
     * @param address a multiple of 2
     * @return the number
     */
    public final short loadShortOpaque(long address) {
        return getShortOpaque(alignedIndexOf(loadTags, address, 1), address);
    }

    private short getShortOpaque(int at, long address) {
        return at >= 0
                ? ordered((short) LITTLE_SHORTS.getOpaque((ByteBuffer) region, at))
                : (short) loadVolatile(address, 2);
    }

    /**
     * Reads two bytes in acquire mode.
     *
     * @param address a multiple of 2
     * @return the number
     */
    public final short loadShortAcquire(long address) {
        return getShortAcquire(alignedIndexOf(loadTags, address, 1), address);
    }

    private short getShortAcquire(int at, long address) {
        return at >= 0
                ? ordered((short) LITTLE_SHORTS.getAcquire((ByteBuffer) region, at))
                : (short) loadVolatile(address, 2);
    }

    /**
     * Reads two bytes in volatile mode.
     *
     * @param address a multiple of 2
     * @return the number
     */
    public final short loadShortVolatile(long address) {
        return getShortVolatile(alignedIndexOf(loadTags, address, 1), address);
    }

    private short getShortVolatile(int at, long address) {
        return at >= 0
                ? ordered((short) LITTLE_SHORTS.getVolatile((ByteBuffer) region, at))
                : (short) loadVolatile(address, 2);
    }

    /**
     * Writes two bytes in opaque mode.
     *
     * @param address a multiple of 2
     * @param value the number
     */
    public final void storeShortOpaque(long address, short value) {
        setShortOpaque(alignedIndexOf(storeTags, address, 1), value, address);
    }

    private void setShortOpaque(int at, short value, long address) {
        if (at >= 0) {
            LITTLE_SHORTS.setOpaque((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 2, value);
    }

    /**
     * Writes two bytes in release mode.
     *
     * @param address a multiple of 2
     * @param value the number
     */
    public final void storeShortRelease(long address, short value) {
        setShortRelease(alignedIndexOf(storeTags, address, 1), value, address);
    }

    private void setShortRelease(int at, short value, long address) {
        if (at >= 0) {
            LITTLE_SHORTS.setRelease((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 2, value);
    }

    /**
     * Writes two bytes in volatile mode.
     *
     * @param address a multiple of 2
     * @param value the number
     */
    public final void storeShortVolatile(long address, short value) {
        setShortVolatile(alignedIndexOf(storeTags, address, 1), value, address);
    }

    private void setShortVolatile(int at, short value, long address) {
        if (at >= 0) {
            LITTLE_SHORTS.setVolatile((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 2, value);
    }

    /**
     * Writes two bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param expected the number to compare with
     * @param value the new number
     * @return whether the number was equal, and the new one was written
     */
    public final boolean compareAndSetShort(long address, short expected, short value) {
        return compareAndSet(address, 2, expected, value);
    }

    /**
     * Writes two bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param expected the number to compare with
     * @param value the new number
     * @return the old number; the new one was written if this is the expected one
     */
    public final short compareAndExchangeShort(long address, short expected, short value) {
        return (short) compareAndExchange(address, 2, expected, value);
    }

    /**
     * Adds to two bytes atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param delta the number to add
     * @return the old number
     */
    public final short getAndAddShort(long address, short delta) {
        return (short) getAndAdd(address, 2, delta);
    }

    /**
     * Replaces two bytes atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param value the new number
     * @return the old number
     */
    public final short getAndSetShort(long address, short value) {
        return (short) getAndSet(address, 2, value);
    }

    /**
     * Clears bits of two bytes atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param mask the bits that are not cleared
     * @return the old number
     */
    public final short getAndBitwiseAndShort(long address, short mask) {
        return (short) getAndBitwiseAnd(address, 2, mask);
    }

    /**
     * Sets bits of two bytes atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param mask the bits that are set
     * @return the old number
     */
    public final short getAndBitwiseOrShort(long address, short mask) {
        return (short) getAndBitwiseOr(address, 2, mask);
    }

    /**
     * Flips bits of two bytes atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param mask the bits that are flipped
     * @return the old number
     */
    public final short getAndBitwiseXorShort(long address, short mask) {
        return (short) getAndBitwiseXor(address, 2, mask);
    }

    // Four bytes: an int or a float.

    /**
     * Converts a number between little-endian order and the order of this memory. Keeps the CPU reachable until the
     * access that read the number is complete.
     */
    private int ordered(int number) {
        Reference.reachabilityFence(this);
        return swapsBytes ? Integer.reverseBytes(number) : number;
    }

    /**
     * Reads four bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final int loadInt(long address) {
        if (hits(loadTags, address, 3)) {
            return getInt(index(address));
        }
        return (int) load(address, 4);
    }

    /**
     * Reads an instruction, or a part of one: four bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final int fetchInt(long address) {
        if (hits(fetchTags, address, 3)) {
            return getInt(fetchIndex(address));
        }
        return (int) fetch(address, 4);
    }

    /**
     * Writes four bytes.
     *
     * @param address of the lowest byte
     * @param value the number
     */
    public final void storeInt(long address, int value) {
        putInt(indexOf(storeTags, address, 3), address, value);
    }

    /** Performs a plain read that hits. */
    private int getInt(int at) {
        int number = region.getInt(at);
        Reference.reachabilityFence(this);
        return number;
    }

    private void putInt(int at, long address, int value) {
        if (at >= 0) {
            region.putInt(at, value);
            Reference.reachabilityFence(this);
        } else {
            store(address, 4, value);
        }
    }

    /**
     * Reads four bytes as a float: the bits of {@link #loadInt}, converted by {@link Float#intBitsToFloat}. The
     * conversion preserves all bits, except that some processors make signalling NaNs quiet; x86-64 and arm64 do not.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final float loadFloat(long address) {
        return hits(loadTags, address, 3) ? Float.intBitsToFloat(getInt(index(address))) : loadFloatSlowly(address);
    }

    private float loadFloatSlowly(long address) {
        return Float.intBitsToFloat((int) load(address, 4));
    }

    /**
     * Writes a float to four bytes. All its bits are preserved, including those of a NaN.
     *
     * @param address of the lowest byte
     * @param value the number
     */
    public final void storeFloat(long address, float value) {
        putInt(indexOf(storeTags, address, 3), address, Float.floatToRawIntBits(value));
    }

    /**
     * Reads four bytes in opaque mode.
     *
     * @param address a multiple of 4
     * @return the number
     */
    public final int loadIntOpaque(long address) {
        return getIntOpaque(alignedIndexOf(loadTags, address, 3), address);
    }

    private int getIntOpaque(int at, long address) {
        return at >= 0 ? ordered((int) LITTLE_INTS.getOpaque((ByteBuffer) region, at)) : (int) loadVolatile(address, 4);
    }

    /**
     * Reads four bytes in acquire mode.
     *
     * @param address a multiple of 4
     * @return the number
     */
    public final int loadIntAcquire(long address) {
        return getIntAcquire(alignedIndexOf(loadTags, address, 3), address);
    }

    private int getIntAcquire(int at, long address) {
        return at >= 0
                ? ordered((int) LITTLE_INTS.getAcquire((ByteBuffer) region, at))
                : (int) loadVolatile(address, 4);
    }

    /**
     * Reads four bytes in volatile mode.
     *
     * @param address a multiple of 4
     * @return the number
     */
    public final int loadIntVolatile(long address) {
        return getIntVolatile(alignedIndexOf(loadTags, address, 3), address);
    }

    private int getIntVolatile(int at, long address) {
        return at >= 0
                ? ordered((int) LITTLE_INTS.getVolatile((ByteBuffer) region, at))
                : (int) loadVolatile(address, 4);
    }

    /**
     * Writes four bytes in opaque mode.
     *
     * @param address a multiple of 4
     * @param value the number
     */
    public final void storeIntOpaque(long address, int value) {
        setIntOpaque(alignedIndexOf(storeTags, address, 3), value, address);
    }

    private void setIntOpaque(int at, int value, long address) {
        if (at >= 0) {
            LITTLE_INTS.setOpaque((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 4, value);
    }

    /**
     * Writes four bytes in release mode.
     *
     * @param address a multiple of 4
     * @param value the number
     */
    public final void storeIntRelease(long address, int value) {
        setIntRelease(alignedIndexOf(storeTags, address, 3), value, address);
    }

    private void setIntRelease(int at, int value, long address) {
        if (at >= 0) {
            LITTLE_INTS.setRelease((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 4, value);
    }

    /**
     * Writes four bytes in volatile mode.
     *
     * @param address a multiple of 4
     * @param value the number
     */
    public final void storeIntVolatile(long address, int value) {
        setIntVolatile(alignedIndexOf(storeTags, address, 3), value, address);
    }

    private void setIntVolatile(int at, int value, long address) {
        if (at >= 0) {
            LITTLE_INTS.setVolatile((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 4, value);
    }

    /**
     * Writes four bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param expected the number to compare with
     * @param value the new number
     * @return whether the number was equal, and the new one was written
     */
    public final boolean compareAndSetInt(long address, int expected, int value) {
        return setInt(alignedIndexOf(storeTags, address, 3), ordered(expected), ordered(value), address);
    }

    /** Takes little-endian numbers, which keeps this method small. */
    private boolean setInt(int at, int expected, int value, long address) {
        return at >= 0
                ? fenced(LITTLE_INTS.compareAndSet((ByteBuffer) region, at, expected, value))
                : setIntSlowly(address, expected, value);
    }

    private boolean setIntSlowly(long address, int expected, int value) {
        return compareAndSet(address, 4, ordered(expected), ordered(value));
    }

    /**
     * Writes four bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param expected the number to compare with
     * @param value the new number
     * @return the old number; the new one was written if this is the expected one
     */
    public final int compareAndExchangeInt(long address, int expected, int value) {
        return ordered(exchangeInt(alignedIndexOf(storeTags, address, 3), ordered(expected), ordered(value), address));
    }

    /** Takes and returns little-endian numbers, which keeps this method small. */
    private int exchangeInt(int at, int expected, int value, long address) {
        return at >= 0
                ? (int) LITTLE_INTS.compareAndExchange((ByteBuffer) region, at, expected, value)
                : exchangeIntSlowly(address, expected, value);
    }

    private int exchangeIntSlowly(long address, int expected, int value) {
        return ordered((int) compareAndExchange(address, 4, ordered(expected), ordered(value)));
    }

    /**
     * Adds to four bytes atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param delta the number to add
     * @return the old number
     */
    public final int getAndAddInt(long address, int delta) {
        return addInt(alignedIndexOf(storeTags, address, 3), delta, address);
    }

    private int addInt(int at, int delta, long address) {
        return at >= 0 ? fenced(addInt(at, delta)) : (int) getAndAdd(address, 4, delta);
    }

    private int addInt(int at, int delta) {
        return swapsBytes
                ? (int) BIG_INTS.getAndAdd((ByteBuffer) region, at, delta)
                : (int) LITTLE_INTS.getAndAdd((ByteBuffer) region, at, delta);
    }

    /**
     * Replaces four bytes atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param value the new number
     * @return the old number
     */
    public final int getAndSetInt(long address, int value) {
        return swapInt(alignedIndexOf(storeTags, address, 3), value, address);
    }

    private int swapInt(int at, int value, long address) {
        if (at >= 0) {
            return ordered((int) LITTLE_INTS.getAndSet((ByteBuffer) region, at, ordered(value)));
        }
        return (int) getAndSet(address, 4, value);
    }

    /**
     * Clears bits of four bytes atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param mask the bits that are not cleared
     * @return the old number
     */
    public final int getAndBitwiseAndInt(long address, int mask) {
        return andInt(alignedIndexOf(storeTags, address, 3), mask, address);
    }

    private int andInt(int at, int mask, long address) {
        if (at >= 0) {
            return ordered((int) LITTLE_INTS.getAndBitwiseAnd((ByteBuffer) region, at, ordered(mask)));
        }
        return (int) getAndBitwiseAnd(address, 4, mask);
    }

    /**
     * Sets bits of four bytes atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param mask the bits that are set
     * @return the old number
     */
    public final int getAndBitwiseOrInt(long address, int mask) {
        return orInt(alignedIndexOf(storeTags, address, 3), mask, address);
    }

    private int orInt(int at, int mask, long address) {
        if (at >= 0) {
            return ordered((int) LITTLE_INTS.getAndBitwiseOr((ByteBuffer) region, at, ordered(mask)));
        }
        return (int) getAndBitwiseOr(address, 4, mask);
    }

    /**
     * Flips bits of four bytes atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param mask the bits that are flipped
     * @return the old number
     */
    public final int getAndBitwiseXorInt(long address, int mask) {
        return xorInt(alignedIndexOf(storeTags, address, 3), mask, address);
    }

    private int xorInt(int at, int mask, long address) {
        if (at >= 0) {
            return ordered((int) LITTLE_INTS.getAndBitwiseXor((ByteBuffer) region, at, ordered(mask)));
        }
        return (int) getAndBitwiseXor(address, 4, mask);
    }

    // Eight bytes: a long or a double.

    /**
     * Converts a number between little-endian order and the order of this memory. Keeps the CPU reachable until the
     * access that read the number is complete.
     */
    private long ordered(long number) {
        Reference.reachabilityFence(this);
        return swapsBytes ? Long.reverseBytes(number) : number;
    }

    /**
     * Reads eight bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final long loadLong(long address) {
        if (hits(loadTags, address, 7)) {
            return getLong(index(address));
        }
        return load(address, 8);
    }

    /**
     * Reads an instruction, or a part of one: eight bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final long fetchLong(long address) {
        if (hits(fetchTags, address, 7)) {
            return getLong(fetchIndex(address));
        }
        return fetch(address, 8);
    }

    /**
     * Writes eight bytes.
     *
     * @param address of the lowest byte
     * @param value the number
     */
    public final void storeLong(long address, long value) {
        putLong(indexOf(storeTags, address, 7), address, value);
    }

    /** Performs a plain read that hits. */
    private long getLong(int at) {
        long number = region.getLong(at);
        Reference.reachabilityFence(this);
        return number;
    }

    private void putLong(int at, long address, long value) {
        if (at >= 0) {
            region.putLong(at, value);
            Reference.reachabilityFence(this);
        } else {
            store(address, 8, value);
        }
    }

    /**
     * Reads eight bytes as a double: the bits of {@link #loadLong}, converted by {@link Double#longBitsToDouble}. The
     * conversion preserves all bits, except that some processors make signalling NaNs quiet; x86-64 and arm64 do not.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final double loadDouble(long address) {
        return hits(loadTags, address, 7)
                ? Double.longBitsToDouble(getLong(index(address)))
                : loadDoubleSlowly(address);
    }

    private double loadDoubleSlowly(long address) {
        return Double.longBitsToDouble(load(address, 8));
    }

    /**
     * Writes a double to eight bytes. All its bits are preserved, including those of a NaN.
     *
     * @param address of the lowest byte
     * @param value the number
     */
    public final void storeDouble(long address, double value) {
        putLong(indexOf(storeTags, address, 7), address, Double.doubleToRawLongBits(value));
    }

    /**
     * Writes 16 bytes as two numbers of eight. The first number is at the lower address and is written first, but only
     * as a plain access, so other threads may see the stores in another order. If one of the numbers cannot be written,
     * neither is. To read 16 bytes, call {@link #loadLong} twice.
     *
     * @param address of the lowest byte
     * @param first the number at the address
     * @param second the number at the address plus 8
     */
    public final void storeLongPair(long address, long first, long second) {
        putPair(indexOf(storeTags, address, 15), address, first, second);
    }

    private void putPair(int at, long address, long first, long second) {
        if (at >= 0) {
            putPair(at, first, second);
        } else {
            storePair(address, first, second);
        }
    }

    private void putPair(int at, long first, long second) {
        region.putLong(at, first);
        region.putLong(at + Long.BYTES, second);
        Reference.reachabilityFence(this);
    }

    /**
     * Reads eight bytes in opaque mode.
     *
     * @param address a multiple of 8
     * @return the number
     */
    public final long loadLongOpaque(long address) {
        return getLongOpaque(alignedIndexOf(loadTags, address, 7), address);
    }

    private long getLongOpaque(int at, long address) {
        return at >= 0 ? ordered((long) LITTLE_LONGS.getOpaque((ByteBuffer) region, at)) : loadVolatile(address, 8);
    }

    /**
     * Reads eight bytes in acquire mode.
     *
     * @param address a multiple of 8
     * @return the number
     */
    public final long loadLongAcquire(long address) {
        return getLongAcquire(alignedIndexOf(loadTags, address, 7), address);
    }

    private long getLongAcquire(int at, long address) {
        return at >= 0 ? ordered((long) LITTLE_LONGS.getAcquire((ByteBuffer) region, at)) : loadVolatile(address, 8);
    }

    /**
     * Reads eight bytes in volatile mode.
     *
     * @param address a multiple of 8
     * @return the number
     */
    public final long loadLongVolatile(long address) {
        return getLongVolatile(alignedIndexOf(loadTags, address, 7), address);
    }

    private long getLongVolatile(int at, long address) {
        return at >= 0 ? ordered((long) LITTLE_LONGS.getVolatile((ByteBuffer) region, at)) : loadVolatile(address, 8);
    }

    /**
     * Writes eight bytes in opaque mode.
     *
     * @param address a multiple of 8
     * @param value the number
     */
    public final void storeLongOpaque(long address, long value) {
        setLongOpaque(alignedIndexOf(storeTags, address, 7), value, address);
    }

    private void setLongOpaque(int at, long value, long address) {
        if (at >= 0) {
            LITTLE_LONGS.setOpaque((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 8, value);
    }

    /**
     * Writes eight bytes in release mode.
     *
     * @param address a multiple of 8
     * @param value the number
     */
    public final void storeLongRelease(long address, long value) {
        setLongRelease(alignedIndexOf(storeTags, address, 7), value, address);
    }

    private void setLongRelease(int at, long value, long address) {
        if (at >= 0) {
            LITTLE_LONGS.setRelease((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 8, value);
    }

    /**
     * Writes eight bytes in volatile mode.
     *
     * @param address a multiple of 8
     * @param value the number
     */
    public final void storeLongVolatile(long address, long value) {
        setLongVolatile(alignedIndexOf(storeTags, address, 7), value, address);
    }

    private void setLongVolatile(int at, long value, long address) {
        if (at >= 0) {
            LITTLE_LONGS.setVolatile((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 8, value);
    }

    /**
     * Writes eight bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param expected the number to compare with
     * @param value the new number
     * @return whether the number was equal, and the new one was written
     */
    public final boolean compareAndSetLong(long address, long expected, long value) {
        return setLong(alignedIndexOf(storeTags, address, 7), ordered(expected), ordered(value), address);
    }

    /** Takes little-endian numbers, which keeps this method small. */
    private boolean setLong(int at, long expected, long value, long address) {
        return at >= 0
                ? fenced(LITTLE_LONGS.compareAndSet((ByteBuffer) region, at, expected, value))
                : setLongSlowly(address, expected, value);
    }

    private boolean setLongSlowly(long address, long expected, long value) {
        return compareAndSet(address, 8, ordered(expected), ordered(value));
    }

    /**
     * Writes eight bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param expected the number to compare with
     * @param value the new number
     * @return the old number; the new one was written if this is the expected one
     */
    public final long compareAndExchangeLong(long address, long expected, long value) {
        return ordered(exchangeLong(alignedIndexOf(storeTags, address, 7), ordered(expected), ordered(value), address));
    }

    /** Takes and returns little-endian numbers, which keeps this method small. */
    private long exchangeLong(int at, long expected, long value, long address) {
        return at >= 0
                ? (long) LITTLE_LONGS.compareAndExchange((ByteBuffer) region, at, expected, value)
                : exchangeLongSlowly(address, expected, value);
    }

    private long exchangeLongSlowly(long address, long expected, long value) {
        return ordered(compareAndExchange(address, 8, ordered(expected), ordered(value)));
    }

    /**
     * Adds to eight bytes atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param delta the number to add
     * @return the old number
     */
    public final long getAndAddLong(long address, long delta) {
        return addLong(alignedIndexOf(storeTags, address, 7), delta, address);
    }

    private long addLong(int at, long delta, long address) {
        return at >= 0 ? fenced(addLong(at, delta)) : getAndAdd(address, 8, delta);
    }

    private long addLong(int at, long delta) {
        return swapsBytes
                ? (long) BIG_LONGS.getAndAdd((ByteBuffer) region, at, delta)
                : (long) LITTLE_LONGS.getAndAdd((ByteBuffer) region, at, delta);
    }

    /**
     * Replaces eight bytes atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param value the new number
     * @return the old number
     */
    public final long getAndSetLong(long address, long value) {
        return swapLong(alignedIndexOf(storeTags, address, 7), value, address);
    }

    private long swapLong(int at, long value, long address) {
        if (at >= 0) {
            return ordered((long) LITTLE_LONGS.getAndSet((ByteBuffer) region, at, ordered(value)));
        }
        return getAndSet(address, 8, value);
    }

    /**
     * Clears bits of eight bytes atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param mask the bits that are not cleared
     * @return the old number
     */
    public final long getAndBitwiseAndLong(long address, long mask) {
        return andLong(alignedIndexOf(storeTags, address, 7), mask, address);
    }

    private long andLong(int at, long mask, long address) {
        if (at >= 0) {
            return ordered((long) LITTLE_LONGS.getAndBitwiseAnd((ByteBuffer) region, at, ordered(mask)));
        }
        return getAndBitwiseAnd(address, 8, mask);
    }

    /**
     * Sets bits of eight bytes atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param mask the bits that are set
     * @return the old number
     */
    public final long getAndBitwiseOrLong(long address, long mask) {
        return orLong(alignedIndexOf(storeTags, address, 7), mask, address);
    }

    private long orLong(int at, long mask, long address) {
        if (at >= 0) {
            return ordered((long) LITTLE_LONGS.getAndBitwiseOr((ByteBuffer) region, at, ordered(mask)));
        }
        return getAndBitwiseOr(address, 8, mask);
    }

    /**
     * Flips bits of eight bytes atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param mask the bits that are flipped
     * @return the old number
     */
    public final long getAndBitwiseXorLong(long address, long mask) {
        return xorLong(alignedIndexOf(storeTags, address, 7), mask, address);
    }

    private long xorLong(int at, long mask, long address) {
        if (at >= 0) {
            return ordered((long) LITTLE_LONGS.getAndBitwiseXor((ByteBuffer) region, at, ordered(mask)));
        }
        return getAndBitwiseXor(address, 8, mask);
    }

    // Load-reserved and store-conditional.

    /**
     * Reads four bytes in opaque mode, and reserves their address for {@link #storeConditionalInt}.
     *
     * @param address a multiple of 4
     * @return the number
     */
    public final int loadReservedIntOpaque(long address) {
        int number = loadIntOpaque(address);
        memory().reserve(address, Integer.BYTES, number);
        return number;
    }

    /**
     * Reads four bytes in volatile mode, and reserves their address for {@link #storeConditionalInt}.
     *
     * @param address a multiple of 4
     * @return the number
     */
    public final int loadReservedIntVolatile(long address) {
        int number = loadIntVolatile(address);
        memory().reserve(address, Integer.BYTES, number);
        return number;
    }

    /**
     * Writes four bytes, atomically, in volatile mode, if the CPU has a reservation of four bytes at this address, and
     * the bytes still contain the number that was read. Ends the reservation in any case. Accesses no memory if the CPU
     * has no reservation of these bytes.
     *
     * @param address of the lowest byte
     * @param value the number
     * @return whether the number was written
     */
    public final boolean storeConditionalInt(long address, int value) {
        GuestMemory memory = memory();
        return memory.takeReservation(address, Integer.BYTES)
                && compareAndSetInt(address, (int) memory.reservedNumber(), value);
    }

    /**
     * Reads eight bytes in opaque mode, and reserves their address for {@link #storeConditionalLong}.
     *
     * @param address a multiple of 8
     * @return the number
     */
    public final long loadReservedLongOpaque(long address) {
        long number = loadLongOpaque(address);
        memory().reserve(address, Long.BYTES, number);
        return number;
    }

    /**
     * Reads eight bytes in volatile mode, and reserves their address for {@link #storeConditionalLong}.
     *
     * @param address a multiple of 8
     * @return the number
     */
    public final long loadReservedLongVolatile(long address) {
        long number = loadLongVolatile(address);
        memory().reserve(address, Long.BYTES, number);
        return number;
    }

    /**
     * Writes eight bytes, atomically, in volatile mode, if the CPU has a reservation of eight bytes at this address,
     * and the bytes still contain the number that was read. Ends the reservation in any case. Accesses no memory if the
     * CPU has no reservation of these bytes.
     *
     * @param address of the lowest byte
     * @param value the number
     * @return whether the number was written
     */
    public final boolean storeConditionalLong(long address, long value) {
        GuestMemory memory = memory();
        return memory.takeReservation(address, Long.BYTES)
                && compareAndSetLong(address, memory.reservedNumber(), value);
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

    private long load(long address, int size) {
        long physical = find(loadTags, addends, address, size - 1, Mman.READ);
        return physical >= 0 ? fenced(get(physical, size)) : loadSlowly(address, size);
    }

    private long loadSlowly(long address, int size) {
        long physical = walk(address, size - 1, Mman.READ);
        if (physical >= 0) {
            return fenced(get(physical, size));
        }
        while (hasFailed(memory.load(address, size), Mman.READ, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    private long fetch(long address, int size) {
        long physical = find(fetchTags, fetchAddends, address, size - 1, Mman.EXEC);
        return physical >= 0 ? fenced(get(physical, size)) : fetchSlowly(address, size);
    }

    private long fetchSlowly(long address, int size) {
        long physical = walk(address, size - 1, Mman.EXEC);
        if (physical >= 0) {
            return fenced(get(physical, size));
        }
        while (hasFailed(memory.fetch(address, size), Mman.EXEC, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    private void store(long address, int size, long value) {
        long physical = find(storeTags, addends, address, size - 1, Mman.WRITE);
        if (physical >= 0) {
            put(physical, size, value);
            Reference.reachabilityFence(this);
        } else {
            storeSlowly(address, size, value);
        }
    }

    private void storeSlowly(long address, int size, long value) {
        long physical = walk(address, size - 1, Mman.WRITE);
        if (physical >= 0) {
            put(physical, size, value);
            Reference.reachabilityFence(this);
            return;
        }
        while (hasFailed(memory.store(address, size, value), Mman.WRITE, size)) {
            // fault() returned, so retry.
        }
    }

    private void storePair(long address, long first, long second) {
        while (hasFailed(memory.storePair(address, first, second), Mman.WRITE, 2 * Long.BYTES)) {
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

    private long loadVolatile(long address, int size) {
        while (hasFailed(memory.loadVolatile(address, size), Mman.READ, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    private void storeVolatile(long address, int size, long value) {
        while (hasFailed(memory.storeVolatile(address, size, value), Mman.WRITE, size)) {
            // fault() returned, so retry.
        }
    }

    private boolean compareAndSet(long address, int size, long expected, long value) {
        while (hasFailed(memory.compareAndSet(address, size, expected, value), Mman.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value() != 0;
    }

    private long compareAndExchange(long address, int size, long expected, long value) {
        while (hasFailed(memory.compareAndExchange(address, size, expected, value), Mman.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    private long getAndAdd(long address, int size, long delta) {
        while (hasFailed(memory.getAndAdd(address, size, delta), Mman.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    private long getAndSet(long address, int size, long value) {
        while (hasFailed(memory.getAndSet(address, size, value), Mman.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    private long getAndBitwiseAnd(long address, int size, long mask) {
        while (hasFailed(memory.getAndBitwiseAnd(address, size, mask), Mman.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    private long getAndBitwiseOr(long address, int size, long mask) {
        while (hasFailed(memory.getAndBitwiseOr(address, size, mask), Mman.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }

    private long getAndBitwiseXor(long address, int size, long mask) {
        while (hasFailed(memory.getAndBitwiseXor(address, size, mask), Mman.WRITE, size)) {
            // fault() returned, so retry.
        }
        return memory.value();
    }
}

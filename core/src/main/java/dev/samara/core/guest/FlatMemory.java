// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a CPU for an interpreter or for generated code: an access is one call, which takes an address and
 * returns the number. If the TLB has the translation, the access is one comparison, one addition and one access to a
 * buffer, and the compiler of the JVM places it in the caller. Other accesses are made by the {@link GuestMemory} of
 * the CPU. They follow the rules of that class, and need no state: in GUEST they are fast, and outside it each enters
 * GUEST for its own duration.
 *
 * <p>An embedder extends this class once, and makes one object for each CPU. A failed access calls {@link #fault}, the
 * only method to be overridden. Usually it throws a preallocated exception to the loop of the interpreter, which
 * delivers a signal. If it returns, the access is made again, as an instruction is restarted after a page fault.
 *
 * <p>Numbers may have any address, also across a page boundary. Only aligned ones are single accesses. Loads are
 * neither ordered nor opaque: between two polls the compiler may repeat, merge or reorder the loads and stores of one
 * thread as the Java memory model permits.
 *
 * <p>For speed the thread is not checked on a hit: only the owner of the CPU may call these methods. On a
 * {@linkplain dev.samara.core.Machine.Builder#checked checked} machine there are no hits, and each access is checked.
 */
public abstract class FlatMemory {
    private static final int PAGE_SHIFT = SoftTlb.GRANULE_SHIFT;
    private static final long PAGE_MASK = -1L << PAGE_SHIFT;

    /** Stands for a region that no access uses. */
    private static final MappedByteBuffer NO_REGION = (MappedByteBuffer) ByteBuffer.allocateDirect(0);

    private final CpuMemory memory;
    private final ByteOrder order;

    private long[] loadTags;
    private long[] storeTags;
    private long[] fetchTags;
    private long[] addends;
    private MappedByteBuffer region;
    private long key;
    private @Nullable CpuState requests;

    /** Takes over what the TLB of the CPU tells. */
    private final class TlbFields implements SoftTlb.View {
        @Override
        public void arrays(
                long[] loads, long[] stores, long[] fetches, long[] offsets, @Nullable MappedByteBuffer bytes) {
            loadTags = loads;
            storeTags = stores;
            fetchTags = fetches;
            addends = offsets;
            region = bytes == null
                    ? NO_REGION
                    : (MappedByteBuffer) bytes.duplicate().order(order);
        }

        @Override
        public void requests(CpuState state) {
            requests = state;
        }

        @Override
        public void key(long next) {
            key = next;
        }
    }

    /**
     * Makes the accesses of a CPU.
     *
     * @param memory the memory of the CPU, which the thread owns; its byte order becomes {@code order}
     * @param order the byte order of numbers
     * @throws IllegalStateException if the CPU has an object of this class already, or is not owned by the caller
     */
    protected FlatMemory(GuestMemory memory, ByteOrder order) {
        this.memory = (CpuMemory) memory;
        this.order = Objects.requireNonNull(order, "order");
        loadTags = storeTags = fetchTags = addends = new long[0];
        region = NO_REGION;
        memory.order(order);
        this.memory.view(new TlbFields());
    }

    /**
     * Handles an access that has failed. If this returns, the access is made again.
     *
     * @param fault a {@link Fault} that is no success
     * @param address where the access has failed; for an access across a page boundary, in the page that failed
     * @param access {@link Protection#READ}, {@link Protection#WRITE} or {@link Protection#EXEC} for a fetch
     * @param size of the access, in bytes
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
     * Acknowledges changes of other threads, as {@link dev.samara.core.Cpu#poll} does. If there is none, this is one
     * read, and checks neither the thread nor the state of the CPU.
     *
     * @throws IllegalStateException if there is one, and the CPU is not in GUEST, or not owned by the caller
     */
    public final void poll() {
        CpuState of = requests;
        if (of == null || of.isPending()) {
            memory.poll();
        }
    }

    /**
     * Reads a byte.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final byte loadByte(long address) {
        int at = indexOf(loadTags, address, 0);
        return at >= 0 ? region.get(at) : (byte) load(address, 1);
    }

    /**
     * Reads two bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final short loadShort(long address) {
        int at = indexOf(loadTags, address, 1);
        return at >= 0 ? region.getShort(at) : (short) load(address, 2);
    }

    /**
     * Reads four bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final int loadInt(long address) {
        int at = indexOf(loadTags, address, 3);
        return at >= 0 ? region.getInt(at) : (int) load(address, 4);
    }

    /**
     * Reads eight bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final long loadLong(long address) {
        int at = indexOf(loadTags, address, 7);
        return at >= 0 ? region.getLong(at) : load(address, 8);
    }

    /**
     * Reads an instruction, or a part of one: a byte.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final byte fetchByte(long address) {
        int at = indexOf(fetchTags, address, 0);
        return at >= 0 ? region.get(at) : (byte) fetch(address, 1);
    }

    /**
     * Reads an instruction, or a part of one: two bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final short fetchShort(long address) {
        int at = indexOf(fetchTags, address, 1);
        return at >= 0 ? region.getShort(at) : (short) fetch(address, 2);
    }

    /**
     * Reads an instruction, or a part of one: four bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final int fetchInt(long address) {
        int at = indexOf(fetchTags, address, 3);
        return at >= 0 ? region.getInt(at) : (int) fetch(address, 4);
    }

    /**
     * Reads an instruction, or a part of one: eight bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final long fetchLong(long address) {
        int at = indexOf(fetchTags, address, 7);
        return at >= 0 ? region.getLong(at) : fetch(address, 8);
    }

    /**
     * Writes a byte.
     *
     * @param address of the lowest byte
     * @param value the number
     */
    public final void storeByte(long address, byte value) {
        putByte(indexOf(storeTags, address, 0), address, value);
    }

    private void putByte(int at, long address, byte value) {
        if (at >= 0) {
            region.put(at, value);
        } else {
            store(address, 1, value);
        }
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

    private void putShort(int at, long address, short value) {
        if (at >= 0) {
            region.putShort(at, value);
        } else {
            store(address, 2, value);
        }
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

    private void putInt(int at, long address, int value) {
        if (at >= 0) {
            region.putInt(at, value);
        } else {
            store(address, 4, value);
        }
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

    private void putLong(int at, long address, long value) {
        if (at >= 0) {
            region.putLong(at, value);
        } else {
            store(address, 8, value);
        }
    }

    /**
     * Returns the index in the region of an access, or a negative number if it misses.
     *
     * @param last the size of the access, minus 1
     */
    private int indexOf(long[] tags, long address, int last) {
        return tags[(int) (address >>> PAGE_SHIFT) & tags.length - 1] == tag(address + last) ? index(address) : -1;
    }

    private long tag(long last) {
        return (last & PAGE_MASK) | key;
    }

    private int index(long address) {
        return (int) (addends[(int) (address >>> PAGE_SHIFT) & addends.length - 1] + address);
    }

    private long load(long address, int size) {
        int result = memory.load(address, size);
        while (!Fault.isDone(result)) {
            fault(result, memory.faultAddress(), Protection.READ, size);
            result = memory.load(address, size);
        }
        return memory.value();
    }

    private long fetch(long address, int size) {
        int result = memory.fetch(address, size);
        while (!Fault.isDone(result)) {
            fault(result, memory.faultAddress(), Protection.EXEC, size);
            result = memory.fetch(address, size);
        }
        return memory.value();
    }

    private void store(long address, int size, long value) {
        int result = memory.store(address, size, value);
        while (!Fault.isDone(result)) {
            fault(result, memory.faultAddress(), Protection.WRITE, size);
            result = memory.store(address, size, value);
        }
    }
}

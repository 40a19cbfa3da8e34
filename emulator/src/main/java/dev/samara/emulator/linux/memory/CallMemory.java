// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.memory;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.GuestText;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.BooleanSupplier;
import java.util.function.ToLongFunction;

/**
 * Guest memory for the system calls of a thread. A failed access throws {@link BadAddress}. Used outside GUEST; each
 * access enters GUEST while it lasts.
 */
public final class CallMemory {
    /** The maximum size of a path in bytes, including its terminating null. */
    public static final int MOST_PATH = GuestLimits.PATH;

    /** The number of nanoseconds in a second. */
    public static final long SECOND = 1_000_000_000;

    private static final int PAGE = 4096;

    private final GuestMemory memory;
    private final BooleanSupplier shortage;

    /** The exception that a failed access throws. */
    public final BadAddress bad = new BadAddress();

    /**
     * Creates the memory of a thread.
     *
     * @param memory the memory of the thread's CPU
     * @param shortage called when an access finds no memory; waits for some, and returns whether to retry the access
     */
    public CallMemory(GuestMemory memory, BooleanSupplier shortage) {
        this.memory = memory;
        this.shortage = shortage;
    }

    private void check(int fault) {
        if (fault != Fault.NONE) {
            throw bad;
        }
    }

    @SuppressWarnings("ThreadPriorityCheck") // only saves time
    private boolean isRetry(int fault) {
        if (fault == Fault.OUT_OF_MEMORY) {
            return shortage.getAsBoolean();
        }
        if (fault != Fault.RETRY) {
            return false;
        }
        // The machine takes memory from a process, which needs the processor.
        Thread.yield();
        return true;
    }

    private long load(long address, int size) {
        int fault;
        do {
            fault = memory.load(address, size);
        } while (isRetry(fault));
        check(fault);
        return memory.value();
    }

    private void store(long address, int size, long number) {
        int fault;
        do {
            fault = memory.store(address, size, number);
        } while (isRetry(fault));
        check(fault);
    }

    public int getInt(long address) {
        return (int) load(address, Integer.BYTES);
    }

    public long getLong(long address) {
        return load(address, Long.BYTES);
    }

    public void putInt(long address, int number) {
        store(address, Integer.BYTES, number);
    }

    public void putLong(long address, long number) {
        store(address, Long.BYTES, number);
    }

    /** Replaces a word if it has the expected value; returns its old value. */
    public int compareAndExchange(long address, int expected, int number) {
        int fault;
        do {
            fault = memory.compareAndExchange(address, Integer.BYTES, expected, number);
        } while (isRetry(fault));
        check(fault);
        return (int) memory.value();
    }

    /** Returns the key of a futex word. The address must be a multiple of 4. */
    public FutexKey futexKey(long address, boolean isPrivate) {
        for (; ; ) {
            FutexKey key = memory.futexKey(address, !isPrivate, Mman.READ);
            if (key != null) {
                return key;
            }
            if (!isRetry(memory.fault())) {
                throw bad;
            }
        }
    }

    /** Makes a call of the library on this memory, and repeats it if an interrupt of the host's thread ended it. */
    public long call(ToLongFunction<GuestMemory> call) {
        long result;
        do {
            result = call.applyAsLong(memory);
            // As after a fault, an interrupt of the host's thread does not concern the guest.
        } while (result == Errno.EINTR.result() && Thread.interrupted());
        return result;
    }

    /** Reads bytes up to the first failure; returns the number of bytes read. */
    public int getSome(long address, byte[] target, int at, int length) {
        int done = 0;
        do {
            done += memory.copyOut(address + done, target, at + done, length - done);
        } while (done < length && isRetry(memory.fault()));
        return done;
    }

    /** Writes bytes up to the first failure; returns the number of bytes written. */
    public int putSome(long address, byte[] source, int at, int length) {
        int done = 0;
        do {
            done += memory.copyIn(address + done, source, at + done, length - done);
        } while (done < length && isRetry(memory.fault()));
        return done;
    }

    public byte[] get(long address, int length) {
        byte[] bytes = new byte[length];
        if (getSome(address, bytes, 0, length) < length) {
            throw bad;
        }
        return bytes;
    }

    public ByteBuffer getBuffer(long address, int length) {
        return ByteBuffer.wrap(get(address, length)).order(ByteOrder.LITTLE_ENDIAN);
    }

    public void put(long address, byte[] bytes) {
        if (putSome(address, bytes, 0, bytes.length) < bytes.length) {
            throw bad;
        }
    }

    public static ByteBuffer structure(int length) {
        return ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    }

    public static byte[] bytes(ByteBuffer structure) {
        byte[] bytes = new byte[structure.capacity()];
        structure.get(0, bytes);
        return bytes;
    }

    public void put(long address, ByteBuffer structure) {
        byte[] bytes = bytes(structure);
        put(address, bytes);
    }

    /**
     * Reads a string that must be shorter than {@code most} bytes. If it is not, the result ends with a null character.
     */
    public String string(long address, int most) {
        byte[] bytes = new byte[Math.min(most, PAGE)];
        int length = string(address, bytes);
        if (length < bytes.length) {
            return GuestText.of(bytes, length);
        }
        return most <= bytes.length ? GuestText.of(bytes, bytes.length) + '\0' : longString(address, most);
    }

    private String longString(long address, int most) {
        byte[] bytes = new byte[most];
        int length = string(address, bytes);
        return GuestText.of(bytes, length) + (length == most ? "\0" : "");
    }

    private int string(long address, byte[] bytes) {
        int length;
        do {
            length = memory.string(address, bytes);
        } while (length < 0 && isRetry(memory.fault()));
        if (length < 0) {
            throw bad;
        }
        return length;
    }

    /** Reads a time in seconds and nanoseconds; returns it in nanoseconds, or -1 if it is not normalised. */
    public long getTime(long address) {
        long seconds = getLong(address);
        long nanos = getLong(address + Long.BYTES);
        if (seconds < 0 || nanos < 0 || nanos >= SECOND) {
            return -1;
        }
        return seconds > Long.MAX_VALUE / SECOND - 1 ? Long.MAX_VALUE : seconds * SECOND + nanos;
    }

    public void putTime(long address, long nanos) {
        putLong(address, nanos / SECOND);
        putLong(address + Long.BYTES, nanos % SECOND);
    }

    /**
     * Thrown to end a system call that cannot access an address that it was given. Created once for each thread,
     * without a stack trace.
     */
    public static final class BadAddress extends RuntimeException {
        private static final long serialVersionUID = 1;

        BadAddress() {
            super("EFAULT", null, false, false);
        }
    }
}

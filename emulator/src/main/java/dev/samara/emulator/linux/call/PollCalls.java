// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** The calls that wait for events of several descriptors. Both turn their arguments into {@link PolledFile}s. */
final class PollCalls {
    private static final int POLL_ENTRY = 8;
    private static final int INVALID = 32;
    private static final int BITS = 64;

    /** The events that each of the three sets of {@code pselect6} waits for, and those that it reports. */
    private static final int[] EVENTS = {GuestFile.READABLE, GuestFile.WRITABLE, GuestFile.PRIORITY};

    private static final int[] FOUND = {
        GuestFile.READABLE | GuestFile.HUNG_UP | GuestFile.FAILED | INVALID,
        GuestFile.WRITABLE | GuestFile.FAILED | INVALID,
        GuestFile.PRIORITY | INVALID
    };

    private final GuestThread thread;
    private final CallMemory memory;

    PollCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    /**
     * A descriptor that is waited for.
     *
     * @param file the open file; null if there is none
     * @param number the descriptor; an entry with a negative one is ignored
     * @param events the events that end the wait, beside failures
     * @param set the set of {@code pselect6}
     */
    private record PolledFile(@Nullable GuestFile file, int number, int events, int set) {
        int found() {
            if (number < 0) {
                return 0;
            }
            return file == null ? INVALID : file.ready() & (events | GuestFile.FAILED | GuestFile.HUNG_UP);
        }
    }

    /** Waits for an event. Returns 0, an error, or a restart. */
    private long await(List<PolledFile> polled, long deadline) {
        List<WaitList> lists = new ArrayList<>();
        for (PolledFile each : polled) {
            WaitList list = each.file == null || each.number < 0 ? null : each.file.waiters();
            if (list != null) {
                lists.add(list);
                list.add(thread);
            }
        }
        try {
            long waited =
                    thread.await(new WaitList(), () -> polled.stream().anyMatch(each -> each.found() != 0), deadline);
            return waited == LinuxErrno.RESTART ? LinuxErrno.RESTART_WITHOUT_HANDLER : 0;
        } finally {
            lists.forEach(list -> list.remove(thread));
        }
    }

    private long deadline(long timeAddress, long time) {
        return timeAddress == 0 ? WaitingThread.NEVER : thread.interruptedCall().deadlineIn(time);
    }

    /** Stores the time that is left. Memory that cannot be written does not matter. */
    private void putLeft(long address, long time, long deadline) {
        if (address != 0 && time != 0) {
            long nanos = Math.max(deadline - System.nanoTime(), 0);
            ByteBuffer left = CallMemory.structure(2 * Long.BYTES)
                    .putLong(0, nanos / CallMemory.SECOND)
                    .putLong(Long.BYTES, nanos % CallMemory.SECOND);
            memory.putSome(address, CallMemory.bytes(left), 0, left.capacity());
        }
    }

    long poll(long address, long count, long timeAddress, long maskAddress, long maskBytes) {
        long time = timeAddress == 0 ? WaitingThread.NEVER : memory.getTime(timeAddress);
        // The kernel's number of entries has 32 bits.
        int entryCount = (int) count;
        if (time < 0
                || (maskAddress != 0 && maskBytes != Long.BYTES)
                || Integer.compareUnsigned(entryCount, thread.process().descriptorLimit()) > 0) {
            return LinuxErrno.EINVAL;
        }
        long waitMask = maskAddress == 0 ? 0 : memory.getLong(maskAddress);
        long deadline = deadline(timeAddress, time);
        LongSupplier wait = () -> poll(address, entryCount, timeAddress, time, deadline);
        return maskAddress == 0 ? wait.getAsLong() : thread.mask().during(waitMask, wait);
    }

    private long poll(long address, int entryCount, long timeAddress, long time, long deadline) {
        ByteBuffer entries = memory.getBuffer(address, entryCount * POLL_ENTRY);
        List<PolledFile> polled = new ArrayList<>();
        for (int i = 0; i < entryCount; i++) {
            int number = entries.getInt(POLL_ENTRY * i);
            GuestFile file = number < 0 ? null : thread.openFile(number);
            polled.add(new PolledFile(file, number, entries.getShort(POLL_ENTRY * i + 4), 0));
        }
        long waited = await(polled, deadline);
        putLeft(timeAddress, time, deadline);
        if (waited != 0) {
            return waited;
        }
        int ready = 0;
        for (int i = 0; i < entryCount; i++) {
            int found = polled.get(i).found();
            ready += found != 0 ? 1 : 0;
            entries.putShort(POLL_ENTRY * i + 6, (short) found);
        }
        memory.put(address, entries);
        return ready;
    }

    long select(long count, long[] sets, long timeAddress, long maskAddress) {
        int most = Math.min((int) count, GuestLimits.DESCRIPTORS);
        long mask = maskAddress == 0 ? 0 : memory.getLong(maskAddress);
        long maskBytes = maskAddress == 0 ? 0 : memory.getLong(maskAddress + Long.BYTES);
        long time = timeAddress == 0 ? 0 : memory.getTime(timeAddress);
        if (time < 0 || most < 0 || (mask != 0 && maskBytes != Long.BYTES)) {
            return LinuxErrno.EINVAL;
        }
        long waitMask = mask == 0 ? 0 : memory.getLong(mask);
        long deadline = deadline(timeAddress, time);
        List<PolledFile> selected = new ArrayList<>();
        if (!read(most, sets, selected)) {
            return LinuxErrno.EBADF;
        }
        LongSupplier wait = () -> {
            long waited = await(selected, deadline);
            return waited != 0 ? waited : write(most, sets, selected);
        };
        try {
            return mask == 0 ? wait.getAsLong() : thread.mask().during(waitMask, wait);
        } finally {
            putLeft(timeAddress, time, deadline);
        }
    }

    /** Reads the sets; returns false if a descriptor is not open. */
    private boolean read(int count, long[] sets, List<PolledFile> selected) {
        for (int set = 0; set < sets.length; set++) {
            for (int number = 0; sets[set] != 0 && number < count; number++) {
                long word = memory.getLong(sets[set] + (long) (number / BITS) * Long.BYTES);
                if ((word >>> number & 1) != 0) {
                    GuestFile file = thread.openFile(number);
                    if (file == null) {
                        return false;
                    }
                    selected.add(new PolledFile(file, number, EVENTS[set], set));
                }
            }
        }
        return true;
    }

    private long write(int count, long[] sets, List<PolledFile> selected) {
        long[][] words = new long[sets.length][(count + BITS - 1) / BITS];
        int ready = 0;
        for (PolledFile each : selected) {
            if ((each.found() & FOUND[each.set]) != 0) {
                words[each.set][each.number / BITS] |= 1L << each.number;
                ready++;
            }
        }
        for (int set = 0; set < sets.length; set++) {
            for (int i = 0; sets[set] != 0 && i < words[set].length; i++) {
                memory.putLong(sets[set] + (long) Long.BYTES * i, words[set][i]);
            }
        }
        return ready;
    }
}

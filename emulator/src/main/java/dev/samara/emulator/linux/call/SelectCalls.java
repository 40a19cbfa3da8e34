// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.NoOpenFile;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.wait.WaitingThread;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/** {@code pselect6}, which is like {@code ppoll}, but with sets of descriptors. */
final class SelectCalls {
    private static final int BITS = 64;

    /** The event that each of the three sets requests. */
    private static final int[] EVENTS = {GuestFile.READABLE, GuestFile.WRITABLE, GuestFile.PRIORITY};

    /** The events that make a descriptor of each set ready. */
    private static final int[] FOUND = {
        GuestFile.READABLE | GuestFile.HUNG_UP | GuestFile.FAILED | DescriptorCalls.INVALID,
        GuestFile.WRITABLE | GuestFile.FAILED | DescriptorCalls.INVALID,
        GuestFile.PRIORITY | DescriptorCalls.INVALID
    };

    private final GuestThread thread;
    private final CallMemory memory;

    SelectCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    /** A descriptor in a set. */
    private record SelectedFile(int set, int descriptor, DescriptorCalls.PolledFile file) {}

    /**
     * {@code pselect6}. If several arguments are invalid, reports the error of the first in the order of {@code
     * do_pselect}.
     */
    long select(long count, long[] sets, long timeAddress, long maskAddress) {
        int most = Math.min((int) count, GuestLimits.DESCRIPTORS);
        long mask = maskAddress == 0 ? 0 : memory.getLong(maskAddress);
        long maskBytes = maskAddress == 0 ? 0 : memory.getLong(maskAddress + Long.BYTES);
        long time = timeAddress == 0 ? 0 : memory.getTime(timeAddress);
        if (time < 0 || (mask != 0 && maskBytes != Long.BYTES)) {
            return LinuxErrno.EINVAL;
        }
        long waitMask = mask == 0 ? 0 : memory.getLong(mask);
        long deadline = timeAddress == 0
                ? WaitingThread.NEVER
                : thread.interruptedCall().deadlineIn(time);
        try {
            return select(most, sets, mask, waitMask, deadline);
        } finally {
            DescriptorCalls.putLeft(memory, timeAddress, time, deadline);
        }
    }

    private long select(int most, long[] sets, long mask, long waitMask, long deadline) {
        if (most < 0) {
            return LinuxErrno.EINVAL;
        }
        List<SelectedFile> selected = new ArrayList<>();
        if (!read(most, sets, selected)) {
            return LinuxErrno.EBADF;
        }
        LongSupplier wait = () -> await(most, sets, selected, deadline);
        return mask == 0 ? wait.getAsLong() : thread.mask().during(waitMask, wait);
    }

    private long await(int most, long[] sets, List<SelectedFile> selected, long deadline) {
        List<DescriptorCalls.PolledFile> files = new ArrayList<>();
        selected.forEach(each -> files.add(each.file));
        if (DescriptorCalls.await(thread, files, deadline) == LinuxErrno.RESTART) {
            return LinuxErrno.RESTART_WITHOUT_HANDLER;
        }
        return write(most, sets, selected);
    }

    /** Reads the sets; returns whether all descriptors in them are open. */
    private boolean read(int count, long[] sets, List<SelectedFile> selected) {
        long[][] words = new long[sets.length][(count + BITS - 1) / BITS];
        for (int set = 0; set < sets.length; set++) {
            for (int i = 0; sets[set] != 0 && i < words[set].length; i++) {
                words[set][i] = memory.getLong(sets[set] + (long) Long.BYTES * i);
            }
        }
        for (int set = 0; set < sets.length; set++) {
            for (int descriptor = 0; descriptor < count; descriptor++) {
                if ((words[set][descriptor / BITS] >>> descriptor & 1) != 0) {
                    if (thread.file(descriptor) == null) {
                        return false;
                    }
                    GuestFile found = thread.openFile(descriptor);
                    GuestFile file = found == null ? NoOpenFile.NONE : found;
                    selected.add(new SelectedFile(
                            set, descriptor, new DescriptorCalls.PolledFile(file, EVENTS[set], false)));
                }
            }
        }
        return true;
    }

    private long write(int count, long[] sets, List<SelectedFile> selected) {
        long[][] words = new long[sets.length][(count + BITS - 1) / BITS];
        int ready = 0;
        for (SelectedFile each : selected) {
            if ((each.file.found() & FOUND[each.set]) != 0) {
                words[each.set][each.descriptor / BITS] |= 1L << each.descriptor;
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

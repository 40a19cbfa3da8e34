// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.NumberedTask;
import java.util.Arrays;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The calls for the set of processors that a thread may use ({@code kernel/sched/syscalls.c}). The set does not affect
 * on which processors the host runs the thread.
 */
final class AffinityCalls {
    private final GuestThread thread;

    AffinityCalls(GuestThread thread) {
        this.thread = thread;
    }

    private int count() {
        return thread.process().system().processors();
    }

    /** Returns the size of a set of all processors in bytes. */
    private int bytes() {
        return (count() + Long.SIZE - 1) / Long.SIZE * Long.BYTES;
    }

    private @Nullable NumberedTask find(int tid) {
        return tid == 0
                ? new NumberedTask(thread.process(), thread)
                : thread.process().system().tree().findTask(tid);
    }

    /** Returns the set of processors that a thread may use; all processors if no set was given. */
    private BitSet of(NumberedTask asked) {
        BitSet found = new BitSet();
        GuestThread running = asked.thread();
        BitSet set = running == null ? asked.process().processors() : running.processors();
        if (set == null) {
            found.set(0, count());
        } else {
            found.or(set);
        }
        return found;
    }

    long set(long tid, long length, long address) {
        byte[] given = thread.memory().get(address, (int) Math.min(length & 0xffff_ffffL, bytes()));
        NumberedTask found = find((int) tid);
        if (found == null) {
            return LinuxErrno.ESRCH;
        }
        if (!thread.credentials().maySchedule(found.credentials())) {
            return LinuxErrno.EPERM;
        }
        BitSet wanted = BitSet.valueOf(given);
        wanted.clear(count(), bytes() * Byte.SIZE);
        if (wanted.isEmpty()) {
            return LinuxErrno.EINVAL;
        }
        GuestThread running = found.thread();
        if (running == null) {
            found.process().processors(wanted);
        } else {
            running.processors(wanted);
        }
        return 0;
    }

    long get(long tid, long length, long address) {
        long given = length & 0xffff_ffffL;
        if (given * Byte.SIZE < count() || given % Long.BYTES != 0) {
            return LinuxErrno.EINVAL;
        }
        NumberedTask found = find((int) tid);
        if (found == null) {
            return LinuxErrno.ESRCH;
        }
        thread.memory().put(address, Arrays.copyOf(of(found).toByteArray(), bytes()));
        return bytes();
    }

    /** {@code getcpu}. Stores one of the processors that the thread may use, the same one each time. */
    long current(long cpuAddress, long nodeAddress) {
        if (cpuAddress != 0) {
            BitSet set = of(new NumberedTask(thread.process(), thread));
            int rest = thread.tid() % set.cardinality();
            int found = set.nextSetBit(0);
            for (; rest > 0; rest--) {
                found = set.nextSetBit(found + 1);
            }
            thread.memory().putInt(cpuAddress, found);
        }
        if (nodeAddress != 0) {
            thread.memory().putInt(nodeAddress, 0);
        }
        return 0;
    }
}

// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.Credentials;
import dev.samara.emulator.linux.process.GroupList;
import dev.samara.emulator.linux.process.GuestSystem;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.UserIds;
import java.nio.ByteBuffer;
import java.util.PrimitiveIterator;
import org.jspecify.annotations.Nullable;

/** The calls about the users and groups of a thread ({@code kernel/sys.c}, {@code kernel/groups.c}). */
final class UserCalls {
    private static final int MOST_GROUPS = 65_536;

    /** A change of the user IDs or the group IDs of a thread. Some changes are permitted to user 0 only. */
    @FunctionalInterface
    interface IdChange {
        /** Returns the new IDs; null if the change is not permitted. */
        @Nullable
        UserIds of(UserIds old, boolean isPermitted);
    }

    private final GuestThread thread;
    private final CallMemory memory;

    UserCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    UserIds users() {
        return thread.credentials().users();
    }

    UserIds groups() {
        return thread.credentials().groups();
    }

    private long change(boolean isGroup, IdChange change) {
        Credentials old = thread.credentials();
        UserIds ids = isGroup ? old.groups() : old.users();
        UserIds changed = change.of(ids, old.isPrivileged());
        if (changed == null) {
            return LinuxErrno.EPERM;
        }
        // If nothing changes, the thread keeps its credentials object, with which its files were opened ({@code
        // setresuid}).
        if (!changed.equals(ids)) {
            thread.credentials(isGroup ? old.withGroups(changed) : old.withUsers(changed));
        }
        return 0;
    }

    /** {@code setuid}, {@code setgid}. The ID -1 is invalid. */
    long setOne(boolean isGroup, long id) {
        return (int) id == UserIds.KEPT
                ? LinuxErrno.EINVAL
                : change(isGroup, (old, isPermitted) -> old.withOne((int) id, isPermitted));
    }

    /** {@code setreuid}, {@code setregid}. */
    long setTwo(boolean isGroup, long real, long effective) {
        return change(isGroup, (old, isPermitted) -> old.withTwo((int) real, (int) effective, isPermitted));
    }

    /** {@code setresuid}, {@code setresgid}. */
    long setThree(boolean isGroup, long real, long effective, long saved) {
        return change(
                isGroup, (old, isPermitted) -> old.withThree((int) real, (int) effective, (int) saved, isPermitted));
    }

    /** {@code getresuid}, {@code getresgid}. */
    long get(UserIds ids, long real, long effective, long saved) {
        memory.putInt(real, ids.real());
        memory.putInt(effective, ids.effective());
        memory.putInt(saved, ids.saved());
        return 0;
    }

    /** {@code getgroups}. If {@code room} is 0, only returns the number of groups. */
    long getGroups(long room, long address) {
        GroupList others = thread.credentials().others();
        if ((int) room < 0 || ((int) room > 0 && (int) room < others.size())) {
            return LinuxErrno.EINVAL;
        }
        if ((int) room > 0 && others.size() > 0) {
            ByteBuffer all = CallMemory.structure(others.size() * Integer.BYTES);
            for (PrimitiveIterator.OfInt each = others.stream().iterator(); each.hasNext(); ) {
                all.putInt(each.nextInt());
            }
            memory.put(address, all);
        }
        return others.size();
    }

    long setGroups(long count, long address) {
        if (!thread.credentials().isPrivileged()) {
            return LinuxErrno.EPERM;
        }
        if (Integer.compareUnsigned((int) count, MOST_GROUPS) > 0) {
            return LinuxErrno.EINVAL;
        }
        GuestSystem system = thread.process().system();
        // Only one thread at a time holds a list that is not counted yet.
        synchronized (system.groupLock()) {
            if (system.groups() + (int) count > GuestLimits.GROUPS) {
                return LinuxErrno.ENOMEM;
            }
            int[] ids = new int[(int) count];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = memory.getInt(address + (long) Integer.BYTES * i);
                if (ids[i] == UserIds.KEPT) {
                    return LinuxErrno.EINVAL;
                }
            }
            thread.credentials(thread.credentials().withOthers(GroupList.of(ids)));
            return 0;
        }
    }
}

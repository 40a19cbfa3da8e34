// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.elf.ProgramOwner;

/**
 * The credentials of a thread. User 0 may become any user and any group, and may send signals to all processes ({@code
 * CAP_SETUID}, {@code CAP_SETGID}, {@code CAP_KILL}). It has no other capability.
 *
 * @param users the user IDs
 * @param groups the group IDs
 * @param others the supplementary groups
 */
public record Credentials(UserIds users, UserIds groups, GroupList others) {
    /** Returns the credentials of a user and of the group with the same ID. */
    static Credentials of(int id) {
        return new Credentials(UserIds.of(id), UserIds.of(id), GroupList.EMPTY);
    }

    /**
     * Returns an equal object for a new process, which does not share the object of its parent ({@code copy_creds}).
     */
    Credentials copy() {
        return new Credentials(users, groups, others);
    }

    /** Returns these credentials with other user IDs. */
    public Credentials withUsers(UserIds changed) {
        return new Credentials(changed, groups, others);
    }

    /** Returns these credentials with other group IDs. */
    public Credentials withGroups(UserIds changed) {
        return new Credentials(users, changed, others);
    }

    /** Returns these credentials with other supplementary groups. */
    public Credentials withOthers(GroupList changed) {
        return new Credentials(users, groups, changed);
    }

    /** Whether the effective user is user 0. */
    public boolean isPrivileged() {
        return users.effective() == 0;
    }

    /** Whether these permit a signal to another process ({@code kill_ok_by_cred}). */
    public boolean maySignal(Credentials target) {
        return isPrivileged()
                || users.effective() == target.users.saved()
                || users.effective() == target.users.real()
                || users.real() == target.users.saved()
                || users.real() == target.users.real();
    }

    /** Whether these permit a change of another thread's processors ({@code check_same_owner}). */
    public boolean maySchedule(Credentials target) {
        return users.effective() == target.users.real() || users.effective() == target.users.effective();
    }

    /** Whether these permit access to the memory and limits of another process ({@code __ptrace_may_access}). */
    public boolean mayInspect(Credentials target) {
        return target.users.equals(UserIds.of(users.real())) && target.groups.equals(UserIds.of(groups.real()));
    }

    /** Returns the credentials after an execve. */
    Credentials executed() {
        return new Credentials(users.executed(), groups.executed(), others);
    }

    /** Returns the IDs for the auxiliary vector of a new program. */
    public ProgramOwner owner() {
        return new ProgramOwner(users.real(), users.effective(), groups.real(), groups.effective());
    }
}

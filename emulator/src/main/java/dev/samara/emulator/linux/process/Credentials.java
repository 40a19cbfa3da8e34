// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.elf.ProgramOwner;

/**
 * Whose rights a thread has. User 0 may become any user and any group, and send signals to all processes ({@code
 * CAP_SETUID}, {@code CAP_SETGID}, {@code CAP_KILL}); it has no other capability.
 *
 * @param users the users
 * @param groups the groups
 * @param others the supplementary groups
 */
public record Credentials(UserIds users, UserIds groups, GroupList others) {
    /** Returns those of one user, and the group of that number. */
    static Credentials of(int id) {
        return new Credentials(UserIds.of(id), UserIds.of(id), GroupList.EMPTY);
    }

    /** Returns the same, which a new process does not share with its parent ({@code copy_creds}). */
    Credentials copy() {
        return new Credentials(users, groups, others);
    }

    /** Returns the same with other users. */
    public Credentials withUsers(UserIds changed) {
        return new Credentials(changed, groups, others);
    }

    /** Returns the same with other groups. */
    public Credentials withGroups(UserIds changed) {
        return new Credentials(users, changed, others);
    }

    /** Returns the same with other supplementary groups. */
    public Credentials withOthers(GroupList changed) {
        return new Credentials(users, groups, changed);
    }

    /** Whether these permit what user 0 may do. */
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

    /** Whether these permit a change of another thread's priority or processors ({@code check_same_owner}). */
    public boolean maySchedule(Credentials target) {
        return users.effective() == target.users.real() || users.effective() == target.users.effective();
    }

    /** Whether these permit a look at another process ({@code __ptrace_may_access}). */
    public boolean mayInspect(Credentials target) {
        return target.users.equals(UserIds.of(users.real())) && target.groups.equals(UserIds.of(groups.real()));
    }

    /** Returns those with which another program begins. */
    Credentials executed() {
        return new Credentials(users.executed(), groups.executed(), others);
    }

    /** Returns what the auxiliary vector of another program has. */
    public ProgramOwner owner() {
        return new ProgramOwner(users.real(), users.effective(), groups.real(), groups.effective());
    }
}

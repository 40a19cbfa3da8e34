// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import org.jspecify.annotations.Nullable;

/**
 * The users, or the groups, of a thread ({@code struct cred}). A change returns null where Linux answers EPERM.
 *
 * @param real who it is
 * @param effective whose rights it has
 * @param saved what may become effective again
 */
public record UserIds(int real, int effective, int saved) {
    /** Stands for a number that stays. */
    public static final int KEPT = -1;

    /** Returns the numbers of who is one user, or group, alone. */
    static UserIds of(int id) {
        return new UserIds(id, id, id);
    }

    private boolean has(int id) {
        return id == KEPT || id == real || id == effective || id == saved;
    }

    private static int changed(int id, int old) {
        return id == KEPT ? old : id;
    }

    /** {@code setuid}: all three if that is permitted, or the effective one. */
    public @Nullable UserIds withOne(int id, boolean isPermitted) {
        if (isPermitted) {
            return of(id);
        }
        return id == real || id == saved ? new UserIds(real, id, saved) : null;
    }

    /** {@code setreuid}: the real one and the effective one, with which the saved one may change. */
    public @Nullable UserIds withTwo(int newReal, int newEffective, boolean isPermitted) {
        boolean mayBeReal = newReal == KEPT || newReal == real || newReal == effective;
        if (!isPermitted && !(mayBeReal && has(newEffective))) {
            return null;
        }
        int then = changed(newEffective, effective);
        boolean isSaved = newReal != KEPT || (newEffective != KEPT && newEffective != real);
        return new UserIds(changed(newReal, real), then, isSaved ? then : saved);
    }

    /** {@code setresuid}: each one. */
    public @Nullable UserIds withThree(int newReal, int newEffective, int newSaved, boolean isPermitted) {
        if (!isPermitted && !(has(newReal) && has(newEffective) && has(newSaved))) {
            return null;
        }
        return new UserIds(changed(newReal, real), changed(newEffective, effective), changed(newSaved, saved));
    }

    /** Returns the numbers with which another program begins. */
    UserIds executed() {
        return new UserIds(real, effective, effective);
    }
}

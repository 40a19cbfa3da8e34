// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import org.jspecify.annotations.Nullable;

/**
 * The user IDs or the group IDs of a thread ({@code struct cred}). A change returns null if it is EPERM on Linux.
 *
 * @param real the real ID
 * @param effective the effective ID, which determines the rights
 * @param saved the saved ID, which may become effective again
 */
public record UserIds(int real, int effective, int saved) {
    /** Stands for an ID that is not changed. */
    public static final int KEPT = -1;

    /** Returns the IDs of a thread for which all three are equal. */
    static UserIds of(int id) {
        return new UserIds(id, id, id);
    }

    private boolean has(int id) {
        return id == KEPT || id == real || id == effective || id == saved;
    }

    private static int changed(int id, int old) {
        return id == KEPT ? old : id;
    }

    /** {@code setuid}: sets all three IDs if {@code isPermitted}; otherwise only the effective ID. */
    public @Nullable UserIds withOne(int id, boolean isPermitted) {
        if (isPermitted) {
            return of(id);
        }
        return id == real || id == saved ? new UserIds(real, id, saved) : null;
    }

    /** {@code setreuid}: sets the real and the effective ID, which may also change the saved ID. */
    public @Nullable UserIds withTwo(int newReal, int newEffective, boolean isPermitted) {
        boolean mayBeReal = newReal == KEPT || newReal == real || newReal == effective;
        if (!isPermitted && !(mayBeReal && has(newEffective))) {
            return null;
        }
        int then = changed(newEffective, effective);
        boolean isSaved = newReal != KEPT || (newEffective != KEPT && newEffective != real);
        return new UserIds(changed(newReal, real), then, isSaved ? then : saved);
    }

    /** {@code setresuid}: sets each of the three IDs. */
    public @Nullable UserIds withThree(int newReal, int newEffective, int newSaved, boolean isPermitted) {
        if (!isPermitted && !(has(newReal) && has(newEffective) && has(newSaved))) {
            return null;
        }
        return new UserIds(changed(newReal, real), changed(newEffective, effective), changed(newSaved, saved));
    }

    /** Returns the IDs after an execve. */
    UserIds executed() {
        return new UserIds(real, effective, effective);
    }
}

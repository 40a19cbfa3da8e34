// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

/**
 * The user and group IDs with which a program starts, for its auxiliary vector.
 *
 * @param user the real user ID
 * @param effectiveUser the effective user ID, which determines the rights
 * @param group the real group ID
 * @param effectiveGroup the effective group ID, which determines the rights
 */
public record ProgramOwner(int user, int effectiveUser, int group, int effectiveGroup) {
    /** Whether the program has other rights than the user who runs it, so that it must not trust its environment. */
    boolean isSecure() {
        return user != effectiveUser || group != effectiveGroup;
    }
}

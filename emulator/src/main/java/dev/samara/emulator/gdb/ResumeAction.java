// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

/**
 * The action of a thread when the guest resumes.
 *
 * @param kind how far it runs
 * @param signal the number, in Linux, of the signal that it receives; 0 for none
 */
record ResumeAction(Kind kind, int signal) {
    static final ResumeAction CONTINUE = new ResumeAction(Kind.CONTINUE, 0);
    static final ResumeAction STAY = new ResumeAction(Kind.STAY, 0);

    /** How far a thread runs. */
    enum Kind {
        CONTINUE,
        STEP,
        STAY
    }
}

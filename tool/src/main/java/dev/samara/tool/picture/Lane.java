// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

/**
 * A lane of a timeline, which shows the events of one kind. It has two colours if {@code other} is not empty.
 *
 * @see Moment#of
 */
enum Lane {
    SPACES("Spaces", "begun", "ended"),
    FAULTS("Slow faults", "waited", "fetched data"),
    SHOOTDOWNS("Shootdowns", "waited for", "polled"),
    STALLS("Stalled CPUs", "reports", ""),
    WAITS("Waits", "for operations", ""),
    LOCK_WAITS("Waits for locks", "parked", "spun"),
    GRACE_PERIODS("Grace periods", "waited for", "polled"),
    RECLAIMS("Reclaims", "freed", "freed nothing"),
    REAPS("Reaps", "complete", "incomplete");

    private final String title;
    private final String usual;
    private final String other;

    Lane(String title, String usual, String other) {
        this.title = title;
        this.usual = usual;
        this.other = other;
    }

    String title() {
        return title;
    }

    /** Returns the meaning of the first colour. */
    String usual() {
        return usual;
    }

    /** Returns the meaning of the second colour; empty if there is none. */
    String other() {
        return other;
    }
}

// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.AddressSpace;
import java.util.List;

/**
 * Threads of a storm that share pages and rules. A storm runs all groups, or only the groups that are named on the
 * command line.
 */
interface Group {
    /** Adds the threads of one act. */
    void join(Crew crew);

    /** Restores the group's state between two acts. Called after all its threads have ended. */
    void rest();

    /**
     * Returns the group's spaces on the machine of the storm, which are closed at the end. May also be called by an
     * observing thread.
     */
    List<AddressSpace> spaces();

    /** Returns the rules that only this group checks. */
    List<Invariant> rules();

    /** Returns how many opens of its backings have not been closed yet. */
    default long opens() {
        return 0;
    }

    /** Closes the group's other resources, after its spaces were closed. */
    default void end() throws InterruptedException {}
}

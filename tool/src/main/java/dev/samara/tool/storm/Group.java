// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.AddressSpace;
import dev.samara.tool.top.WatchedMachine;
import java.util.List;

/** Threads of a storm that have pages and rules in common. A storm is played by all groups, or by the named ones. */
interface Group {
    /** Adds the threads of one act. */
    void join(Crew crew);

    /** Restores the group's state between two acts. All of its threads have ended. */
    void rest();

    /** Returns its spaces on the machine of the storm, which are closed at the end. Also for a thread that looks on. */
    List<AddressSpace> spaces();

    /** Returns the rules that only this group checks. */
    List<Invariant> rules();

    /** Returns how many opens of its backings have not been closed. */
    default long opens() {
        return 0;
    }

    /** Returns the machines of its own, for a view in which the group has a name. */
    default List<WatchedMachine> watched(String name) {
        return List.of();
    }

    /** Ends the rest of the group after its spaces are closed. */
    default void end() throws InterruptedException {}
}

// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.event.Registration;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import javax.management.InstanceAlreadyExistsException;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/**
 * The MBean of a machine. The MBean server keeps it reachable, so it refers to the machine weakly: a machine that is
 * never closed can nevertheless be garbage-collected. Only this class needs the module {@code java.management}.
 */
final class MachineBean implements MachineMXBean, Registration {
    private static final String PREFIX = "dev.samara:type=Machine,name=";

    /** A value that needs no quotes in the name of an MBean. */
    private static final Pattern PLAIN = Pattern.compile("[^,=:\"*?\n]+");

    private final WeakReference<Machine> machine;
    private final MBeanServer server = ManagementFactory.getPlatformMBeanServer();
    private final ObjectName name;

    /**
     * Written: a thread that closes the registration or the machine, or reads an attribute of a machine that was
     *     collected (get-and-set).
     * Read: not at all.
     * Invariant: never set again, so one thread unregisters the MBean; later another MBean may have its name.
     */
    private final AtomicBoolean isRegistered = new AtomicBoolean(true);

    private MachineBean(Machine machine, ObjectName name) {
        this.machine = new WeakReference<>(machine);
        this.name = name;
    }

    /** Registers a machine; see {@link Machine#registerMBean}. */
    static MachineBean register(Machine machine, String name) {
        if (name.isEmpty()) {
            throw new IllegalArgumentException("name is empty: an MBean must have a name");
        }
        String quoted = PLAIN.matcher(name).matches() ? name : ObjectName.quote(name);
        try {
            MachineBean made = new MachineBean(machine, new ObjectName(PREFIX + quoted));
            made.server.registerMBean(made, made.name);
            return made;
        } catch (InstanceAlreadyExistsException taken) {
            throw new IllegalStateException(
                    "name " + name + " is taken: there is an MBean " + PREFIX + quoted + " already", taken);
        } catch (JMException refused) {
            throw new IllegalStateException("the MBean " + PREFIX + quoted + " could not be registered", refused);
        }
    }

    @Override
    public void close() {
        Machine of = machine.get();
        if (of != null) {
            of.beans.remove(this);
        }
        unregister();
    }

    private void unregister() {
        if (isRegistered.getAndSet(false)) {
            try {
                server.unregisterMBean(name);
            } catch (InstanceNotFoundException gone) {
                // Another part of the program unregistered the MBean.
                return;
            } catch (JMException refused) {
                throw new IllegalStateException("the MBean " + name + " could not be unregistered", refused);
            }
        }
    }

    private Machine machine() {
        Machine of = machine.get();
        if (of == null) {
            unregister();
            throw new IllegalStateException("the machine of " + name + " is gone");
        }
        return of;
    }

    private MachineStatistics statistics() {
        return machine().statistics();
    }

    @Override
    public long getMinorFaults() {
        return statistics().minorFaults();
    }

    @Override
    public long getMajorFaults() {
        return statistics().majorFaults();
    }

    @Override
    public long getCopiesOnWrite() {
        return statistics().copiesOnWrite();
    }

    @Override
    public long getTlbMisses() {
        return statistics().tlbMisses();
    }

    @Override
    public long getFlushes() {
        return statistics().flushes();
    }

    @Override
    public long getShootdowns() {
        return statistics().shootdowns();
    }

    @Override
    public long getShootdownTargets() {
        return statistics().shootdownTargets();
    }

    @Override
    public long getGracePeriods() {
        return statistics().gracePeriods();
    }

    @Override
    public long getFramesInUse() {
        return statistics().framesInUse();
    }

    @Override
    public long getFramesQuarantined() {
        return statistics().framesQuarantined();
    }

    @Override
    public long getPins() {
        return statistics().pins();
    }

    @Override
    public long getViewCopies() {
        return statistics().viewCopies();
    }

    @Override
    public long getPageTableBytes() {
        return statistics().pageTableBytes();
    }

    @Override
    public long getCheckedAccesses() {
        return statistics().checkedAccesses();
    }

    @Override
    public long getStaleAccesses() {
        return statistics().staleAccesses();
    }

    @Override
    public long getAccessesOutsideGuest() {
        return statistics().accessesOutsideGuest();
    }

    @Override
    public long getCommittedBytes() {
        return machine().committed();
    }

    @Override
    public long getLockedSegmentBytes() {
        return machine().lockedSegments();
    }

    @Override
    public int getSpaces() {
        return machine().spacesInUse();
    }

    @Override
    public String toString() {
        return "MBean " + name;
    }
}

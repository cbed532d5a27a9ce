"""smartstore: the edge controller of an unattended store, one asyncio process.

::

    hardware                                                                 backend
       │ bytes, levels                                                          ▲
       ▼                                                                        │ MQTT
    ports ──▶ wire ──▶ drivers ──▶ sensing ──▶ store ──▶ journal ──▶ uplink ────┘
              codec     Reading     Fact        Event     row        message
       ▲                   ▲                     │  ▲                   │
       └───── bytes ◀──────┴──── DeviceCommand ◀─┘  └──── Command ◀─────┘

Reading order for a newcomer: ``domain`` (the nouns), ``store`` (what happens in a store), ``sensing``
(how physics becomes facts), ``engine`` (who may change the store's state), ``drivers`` and ``wire`` (one
device at a time), ``app`` (how all of it is put together).
"""

__version__ = "0.1.0"
